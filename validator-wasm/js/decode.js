// Decodes packed issues (smtp-rules' `report` module) into the issues of a ValidationReport.

/**
 * @import { Issue, IssueParam } from './index.js'
 * @import { Template } from './templates.js'
 */

import { bytes, readText as readBytes, refreshView } from './memory.js';
import {
  ARRAY,
  CHANGE,
  codes,
  fields,
  KEY_NAME,
  keys,
  NUMBER,
  PARAM,
  params,
  SUGGESTION,
  severities,
  TEXT,
  TRUE,
} from './tables.js';
import { shown } from './shown.js';

let at = 0;

/**
 * Reads the issues from these bytes of memory; their messages are filled from these templates.
 * @param {number} start
 * @param {number} length
 * @param {readonly Template[]} templates
 * @returns {Issue[]}
 */
export function decodeIssues(start, length, templates) {
  refreshView();
  at = start;
  const end = start + length;
  const issues = [];
  while (at < end) issues.push(readIssue(end, templates));
  return issues;
}

/**
 * Reads the changes of a suggestion from these bytes of memory.
 * @param {number} start
 * @param {number} length
 * @returns {NonNullable<Issue['fix']>}
 */
export function decodeSuggestion(start, length) {
  refreshView();
  at = start;
  const end = start + length;
  const fix = {};
  while (at < end) {
    // The mark of a change: a suggestion has no others.
    at++;
    change(fix, readPath() ?? [], readScalar());
  }
  return fix;
}

/**
 * @param {number} end
 * @param {readonly Template[]} templates
 * @returns {Issue}
 */
function readIssue(end, templates) {
  const code = bytes[at++];
  const path = readPath() ?? (fields[code] ? [fields[code]] : []);
  /** @type {Record<string, IssueParam>} */
  const values = {};
  /** @type {Issue['fix']} */
  let fix = null;
  while (at < end && bytes[at] >= PARAM) {
    const mark = bytes[at++];
    if (mark === PARAM) {
      values[params[bytes[at++]]] = /** @type {IssueParam} */ (readScalar());
    } else if (mark === CHANGE) {
      fix = change(fix ?? {}, readPath() ?? path, readScalar());
    } else if (mark === SUGGESTION) {
      values.suggestion = /** @type {IssueParam} */ (readScalar());
      fix = change({}, path, values.suggestion);
    }
  }
  return {
    field: path.length === 1 ? path[0] : path.join('.'),
    code: codes[code],
    severity: severities[code],
    params: values,
    message: fill(templates[code], values),
    fix,
  };
}

/** Reads a path; undefined means the field in the name of the code. */
function readPath() {
  let count = bytes[at++];
  if (count === 0) return undefined;
  /** @type {string[]} */
  const path = [];
  while (count-- > 0) {
    const number = bytes[at++];
    path.push(number === 255 ? readText() : keys[number]);
  }
  return path;
}

/**
 * Sets one value of a merge patch.
 * @param {Record<string, unknown>} fix
 * @param {string[]} path
 * @param {unknown} value
 */
function change(fix, path, value) {
  /** @type {Record<string, any>} */
  let object = fix;
  const last = path.length - 1;
  for (let i = 0; i < last; i++) object = object[path[i]] ??= {};
  const name = path[last];
  if (name === '__proto__') {
    // An assignment would set the prototype instead of adding a member.
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[name] = value;
  }
  return fix;
}

/** @returns {string | number | boolean | null | string[]} */
function readScalar() {
  switch (bytes[at++]) {
    case TEXT:
      return readText();
    case NUMBER:
      return readWord();
    case TRUE:
      return true;
    case KEY_NAME:
      return keys[bytes[at++]];
    case ARRAY:
      return Array.from({ length: bytes[at++] }, readText);
    default:
      return null;
  }
}

function readWord() {
  at += 4;
  return (bytes[at - 4] | (bytes[at - 3] << 8) | (bytes[at - 2] << 16) | (bytes[at - 1] << 24)) >>> 0;
}

function readText() {
  let length = bytes[at++];
  if (length === 255) length = readWord();
  const start = at;
  at += length;
  if (length < 32) {
    let text = '';
    for (let i = start; i < at; i++) {
      if (bytes[i] > 127) return readBytes(start, length);
      text += String.fromCharCode(bytes[i]);
    }
    return text;
  }
  return readBytes(start, length);
}

/**
 * Fills a template. A name in capitals gives its param in capitals. A value may come from anybody.
 * @param {Template} template
 * @param {Record<string, IssueParam>} values
 */
export function fill(template, values) {
  if (typeof template === 'string') return template;
  let message = template[0];
  for (let i = 1; i < template.length; i += 2) {
    const name = template[i];
    const lower = name.toLowerCase();
    const value = shown(lower in values ? values[lower] : `{${name}}`);
    message += (name === lower ? value : value.toUpperCase()) + template[i + 1];
  }
  return message;
}
