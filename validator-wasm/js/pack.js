// Packs JavaScript values into the module's memory, in the encoding of smtp-rules' `packed` module. No value
// makes it throw, no value is changed, and the work is bounded. Every function that writes takes the position to write
// at and returns the position behind: an engine keeps that in a register.

/** @import { Options } from './index.js' */

import { memory, writeText } from './memory.js';
import {
  ARRAY,
  depth as deepest,
  FALSE,
  keys,
  NULL,
  NUMBER,
  OBJECT,
  OTHER,
  read,
  TEXT,
  TOO_DEEP,
  TOO_LARGE,
  TRUE,
} from './tables.js';

/** The limit of packed bytes, above the size of any document within the limits of the rules. */
const MOST = 6 << 20;

/** Marks a property that throws: packed as a value that JSON does not have. */
const UNREADABLE = Symbol();

const isOwn = Object.prototype.propertyIsEnumerable;

const numberOf = new Map(keys.map((key, number) => [key, number]));

/** @type {(count: number) => number} */
let reserve;
let base = 0;
let room = 0;
/** The reserved part of the module's memory, as bytes and as numbers. */
/** @type {Uint8Array} */
let bytes;
/** @type {DataView} */
let numbers;

/**
 * Sets the function of the module that reserves memory.
 * @param {(count: number) => number} makeRoom
 */
export function preparePacker(makeRoom) {
  reserve = makeRoom;
  base = room = 0;
  grow(4096);
}

/**
 * Reserves this many bytes in all, or more.
 * @param {number} count
 */
function grow(count) {
  const [from, used] = [base, room];
  room = Math.max(count, 2 * room);
  base = reserve(room);
  view();
  new Uint8Array(memory.buffer).copyWithin(base, from, from + used);
}

function view() {
  bytes = new Uint8Array(memory.buffer, base, room);
  numbers = new DataView(memory.buffer, base, room);
}

/** Whether each property is read inside a try block: only after one has thrown. */
let careful = false;

/**
 * Packs a document, or only the fields in the mask, at this position; returns the position behind.
 * @param {unknown} settings
 * @param {number | undefined} mask
 * @param {number} [at]
 * @returns {number}
 */
export function packDocument(settings, mask, at = 0) {
  if (bytes.length === 0) view();
  try {
    return mask ? packFields(settings, mask) : packValue(settings, at, 0);
  } catch (trouble) {
    if (!careful && typeof trouble !== 'number') {
      // Again, with each property read inside a try block.
      careful = true;
      const end = packDocument(settings, mask, at);
      careful = false;
      return end;
    }
    // The functions here throw tags; any other error means that the engine ran out of memory.
    if (bytes.length === 0) view();
    bytes[at] = typeof trouble === 'number' ? trouble : TOO_LARGE;
    return at + 1;
  }
}

/**
 * @param {unknown} settings
 * @param {number} mask
 */
function packFields(settings, mask) {
  if (settings === null || typeof settings !== 'object') throw OTHER;
  let at = 5;
  for (let number = 0; mask >> number; number++) {
    if ((mask >> number) & 1) {
      const value = ownMember(settings, keys[number], number);
      if (value !== undefined) {
        bytes[at] = number;
        at = packValue(value, at + 1, 1);
      }
    }
  }
  return close(OBJECT, 0, at);
}

/**
 * Writes the tag and the length of the content between two positions.
 * @param {number} tag
 * @param {number} start
 * @param {number} at
 */
function close(tag, start, at) {
  bytes[start] = tag;
  numbers.setUint32(start + 1, at - start - 5, true);
  return at;
}

/**
 * Reads a property by its name, or by the number of the name, which is quicker.
 * @param {Record<PropertyKey, any>} object
 * @param {PropertyKey} key
 * @param {number} [number]
 */
function member(object, key, number) {
  if (!careful) return number === undefined ? object[key] : read(object, number);
  try {
    return object[key];
  } catch {
    return UNREADABLE;
  }
}

/**
 * @param {Record<PropertyKey, any>} object
 * @param {string} key
 * @param {number} number
 */
function ownMember(object, key, number) {
  if (!careful) return isOwn.call(object, key) ? read(object, number) : undefined;
  try {
    return isOwn.call(object, key) ? object[key] : undefined;
  } catch {
    return UNREADABLE;
  }
}

/** The bytes that every function leaves free behind its own: room for the number of a name and a value of 9 bytes. */
const SHORT = 16;

/**
 * @param {unknown} value
 * @param {number} at
 * @param {number} depth
 * @returns {number}
 */
function packValue(value, at, depth) {
  if (typeof value === 'string') {
    bytes[at] = TEXT;
    return packText(value, at + 1);
  }
  if (at + SHORT > room) grow(at + SHORT);
  switch (typeof value) {
    case 'number':
      bytes[at] = NUMBER;
      numbers.setFloat64(at + 1, value, true);
      return at + 9;
    case 'boolean':
      bytes[at] = value ? TRUE : FALSE;
      return at + 1;
    case 'object':
      if (value !== null) return packContainer(value, at, depth);
  }
  bytes[at] = value == null ? NULL : OTHER;
  return at + 1;
}

/**
 * Packs a length and the text.
 * @param {string} text
 * @param {number} at
 */
function packText(text, at) {
  const length = text.length;
  if (length > MOST || at > MOST) throw TOO_LARGE;
  if (at + 3 * length + SHORT > room) grow(at + 3 * length + SHORT);
  let start = at + 1;
  let i = 0;
  // Most texts are short and ASCII. Up to 254 bytes, one byte holds the length.
  if (length < 85) {
    for (; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) break;
      bytes[start + i] = code;
    }
  } else {
    start += 4;
  }
  if (i < length) i = writeText(text, bytes.subarray(start));
  if (length < 85) {
    bytes[at] = i;
  } else {
    bytes[at] = 255;
    numbers.setUint32(at + 1, i, true);
  }
  return start + i;
}

/**
 * @param {object} value
 * @param {number} start
 * @param {number} depth
 */
function packContainer(value, start, depth) {
  let isArray = false;
  /** @type {string[] | undefined} */
  let names;
  try {
    isArray = Array.isArray(value);
    if (!isArray && !ArrayBuffer.isView(value)) names = Object.keys(value);
  } catch {
    isArray = false;
  }
  if (!isArray && !names) {
    bytes[start] = OTHER;
    return start + 1;
  }
  if (depth === deepest) throw TOO_DEEP;
  let at = start + 5;
  const count = names ? names.length : member(value, 'length');
  // Most documents have their names in the order of the table.
  let next = 0;
  for (let i = 0; i < count; i++) {
    if (at > MOST) throw TOO_LARGE;
    if (!names) {
      at = packValue(member(value, i), at, depth + 1);
      continue;
    }
    const name = names[i];
    const number = keys[next] === name ? next : numberOf.get(name);
    if (number !== undefined) next = number + 1;
    const item = member(value, name, number);
    if (item === undefined) continue;
    if (number === undefined) {
      bytes[at] = 255;
      at = packText(name, at + 1);
    } else {
      bytes[at++] = number;
    }
    at = packValue(item, at, depth + 1);
  }
  return close(names ? OBJECT : ARRAY, start, at);
}

/**
 * Writes a text without tag and length at this position; returns its length.
 * @param {string} text
 * @param {number} at
 */
export function packPlain(text, at) {
  if (bytes.length === 0) view();
  if (at + 3 * text.length > room) grow(at + 3 * text.length);
  return writeText(text, bytes.subarray(at));
}

/**
 * Writes the operator's lists behind the document; returns their lengths and the locale.
 * @param {Options} options
 * @param {number} length
 */
export function writeOptions(options, length) {
  const ports = packPlain(list(options, 'allowPorts'), length);
  const networks = packPlain(list(options, 'allowNetworks'), length + ports);
  return { locale: option(options, 'locale'), ports, networks };
}

/**
 * Reads an option; one that throws counts as absent.
 * @template {keyof Options} K
 * @param {Options} options
 * @param {K} key
 * @returns {Options[K]}
 */
function option(options, key) {
  try {
    return options[key];
  } catch {}
}

/**
 * Reads a list, given as an array or as text with commas, as text.
 * @param {Options} options
 * @param {'allowPorts' | 'allowNetworks'} key
 */
function list(options, key) {
  try {
    return String(option(options, key) ?? '');
  } catch {
    return '';
  }
}
