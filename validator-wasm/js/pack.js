// Packs JavaScript values into the module's memory, in the encoding of smtp-rules' `packed` module. Whatever the
// value is, nothing is thrown, nothing is changed, and the work is bounded. What writes takes the place to write at
// and returns the place behind it, which an engine keeps in a register.

/** @import { Options } from './index.js' */

import { memory, writeText } from './memory.js';
import { depth as deepest, keys, read } from './tables.js';

const NULL = 0;
const NUMBER = 3;
const TEXT = 4;
const OBJECT = 5;
const ARRAY = 6;
const OTHER = 7;
const TOO_LARGE = 8;
const TOO_DEEP = 9;

/** More packed bytes than any document within the limits has. */
const MOST = 6 << 20;

/** What a property that throws is worth: nothing that JSON has a word for. */
const UNREADABLE = Symbol();

const isOwn = Object.prototype.propertyIsEnumerable;

const numberOf = new Map(keys.map((key, number) => [key, number]));

/** @type {(count: number) => number} */
let reserve;
let base = 0;
let room = 0;
/** The room in the module's memory, as bytes and as numbers. */
/** @type {Uint8Array} */
let bytes;
/** @type {DataView} */
let numbers;

/**
 * Takes over the module's function that makes room.
 * @param {(count: number) => number} makeRoom
 */
export function preparePacker(makeRoom) {
  reserve = makeRoom;
  base = room = 0;
  grow(4096);
}

/**
 * Makes room for this many bytes in all, or more.
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

/** Whether every property is read as if it could throw: once one has. */
let careful = false;

/**
 * Packs a document, or those of its fields that the mask names, at this place; the place behind it.
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
      // Once more, and carefully.
      careful = true;
      const end = packDocument(settings, mask, at);
      careful = false;
      return end;
    }
    // What is thrown in here is a tag, or else the engine ran out of room.
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
 * The tag and the length of what lies between two places.
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
 * A property by its name, or quicker by the name's number.
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

/** Whoever packs something leaves room for what is short: a name's number and a value of nine bytes. */
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
      bytes[at] = value ? 2 : 1;
      return at + 1;
    case 'object':
      if (value !== null) return packContainer(value, at, depth);
  }
  bytes[at] = value == null ? NULL : OTHER;
  return at + 1;
}

/**
 * A length and the text.
 * @param {string} text
 * @param {number} at
 */
function packText(text, at) {
  const length = text.length;
  if (length > MOST || at > MOST) throw TOO_LARGE;
  if (at + 3 * length + SHORT > room) grow(at + 3 * length + SHORT);
  let start = at + 1;
  let i = 0;
  // Most texts are short and ASCII; at most 254 bytes, and one byte tells the length.
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
  // Mostly the names come in the order of the table.
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
 * Packs a text without anything around it, behind what is packed already; its length.
 * @param {string} text
 * @param {number} at
 */
export function packPlain(text, at) {
  if (bytes.length === 0) view();
  if (at + 3 * text.length > room) grow(at + 3 * text.length);
  return writeText(text, bytes.subarray(at));
}

/**
 * Writes the operator's lists behind the document; their lengths, and the locale.
 * @param {Options} options
 * @param {number} length
 */
export function writeOptions(options, length) {
  const ports = packPlain(list(options, 'allowPorts'), length);
  const networks = packPlain(list(options, 'allowNetworks'), length + ports);
  return { locale: option(options, 'locale'), ports, networks };
}

/**
 * An option; one that throws is none.
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
 * A list, given as an array or as text with commas.
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
