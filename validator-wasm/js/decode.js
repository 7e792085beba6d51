// Decodes packed issues (smtp-rules' `report` module) into the issues of a ValidationReport.

import { memoryBytes } from "./pack.js";

const TRUE = 2;
const NUMBER = 3;
const TEXT = 4;

const decoder = new TextDecoder();

let codes = [];
let errors = [];
let keys = [];
let params = [];

let bytes;
let at = 0;

export function prepareDecoder(tables) {
  ({ codes, errors, keys, params } = tables);
}

/** The issues in these bytes of memory, with messages from these templates. */
export function decodeIssues(start, length, templates) {
  bytes = memoryBytes();
  at = start;
  const end = start + length;
  const issues = [];
  while (at < end) issues.push(readIssue(templates));
  return issues;
}

function readIssue(templates) {
  const code = bytes[at++];
  const field = readField();
  const values = {};
  for (let count = bytes[at++]; count > 0; count--) {
    const name = params[bytes[at++]];
    values[name] = readScalar();
  }
  let fix = null;
  for (let count = bytes[at++]; count > 0; count--) {
    fix ??= {};
    readChange(fix);
  }
  return {
    field,
    code: codes[code],
    severity: errors[code] ? "error" : "warning",
    params: values,
    message: fill(templates[code], values),
    fix,
  };
}

function readField() {
  let count = bytes[at++];
  if (count === 0) return "";
  let field = readName();
  while (--count > 0) field += `.${readName()}`;
  return field;
}

function readName() {
  const number = bytes[at++];
  return number === 255 ? readText() : keys[number];
}

/** Sets one value of a merge patch. */
function readChange(fix) {
  let object = fix;
  for (let count = bytes[at++]; count > 1; count--) {
    const name = readName();
    object = object[name] ??= {};
  }
  const name = readName();
  const value = readScalar();
  if (name === "__proto__") {
    // Assigning to it would set the prototype and no member.
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[name] = value;
  }
}

function readScalar() {
  switch (bytes[at++]) {
    case TEXT:
      return readText();
    case NUMBER:
      at += 4;
      return (bytes[at - 4] | (bytes[at - 3] << 8) | (bytes[at - 2] << 16) | (bytes[at - 1] << 24)) >>> 0;
    case TRUE:
      return true;
    default:
      return null;
  }
}

function readText() {
  let length = bytes[at++];
  if (length === 255) {
    length = (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
    at += 4;
  }
  const start = at;
  at += length;
  if (length < 32) {
    let text = "";
    for (let i = start; i < at; i++) {
      if (bytes[i] > 127) return decoder.decode(bytes.subarray(start, at));
      text += String.fromCharCode(bytes[i]);
    }
    return text;
  }
  return decoder.decode(bytes.subarray(start, at));
}

/** Fills a template: text, or texts and names of params in turn. */
function fill(template, values) {
  if (typeof template === "string") return template;
  let message = template[0];
  for (let i = 1; i < template.length; i += 2) {
    const name = template[i];
    message += (name in values ? values[name] : `{${name}}`) + template[i + 1];
  }
  return message;
}
