// Packs JavaScript values into the module's memory, in the encoding of smtp-rules' `packed` module. Whatever the
// value is, nothing is thrown, nothing is changed, and the work is bounded.

import { bytes, numbers, refresh, writeText } from "./memory.js";
import { depth as deepest, keys, read } from "./tables.js";

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

/** What a property that throws is worth. */
const UNREADABLE = Symbol("unreadable");

const isOwn = Object.prototype.propertyIsEnumerable;

const numberOf = new Map(keys.map((key, number) => [key, number]));

let reserve;
let base = 0;
let room = 0;
let at = 0;

/** Takes over the module's function that makes room. */
export function preparePacker(makeRoom) {
  reserve = makeRoom;
  room = at = base = 0;
  grow(4096);
}

function grow(count) {
  const [from, used] = [base, at - base];
  room = Math.max(count, 2 * room);
  base = reserve(room);
  refresh();
  bytes.copyWithin(base, from, from + used);
  at = base + used;
}

/** Room for this many bytes more. */
function ensure(count) {
  if (at - base + count > room) grow(at - base + count);
}

/** Whether every property is read as if it could throw: once one has. */
let careful = false;

/** Packs a whole document; its length. */
export function packDocument(settings) {
  return pack(() => packValue(settings, 0));
}

/** Packs those fields of a document that the mask names; the length. */
export function packFields(settings, mask) {
  return pack(() => {
    if (settings === null || typeof settings !== "object") throw OTHER;
    const place = open(OBJECT);
    for (let number = 0; mask >> number; number++) {
      if ((mask >> number) & 1) {
        const value = ownMember(settings, keys[number], number);
        if (value !== undefined) {
          ensure(1);
          bytes[at++] = number;
          packValue(value, 1);
        }
      }
    }
    close(place);
  });
}

/** Packs without expecting trouble, and when there is some, once more and carefully. */
function pack(write) {
  at = base;
  if (bytes.length === 0) refresh();
  try {
    write();
    return at - base;
  } catch (trouble) {
    return careful || typeof trouble === "number" ? only(trouble) : packCarefully(write);
  }
}

function packCarefully(write) {
  careful = true;
  const length = pack(write);
  careful = false;
  return length;
}

/** A document that is one tag; what is thrown in here is one, or the engine ran out of room. */
function only(tag) {
  at = base;
  if (bytes.length === 0) refresh();
  bytes[at++] = typeof tag === "number" ? tag : TOO_LARGE;
  return 1;
}

function open(tag) {
  ensure(5);
  bytes[at] = tag;
  at += 5;
  return at - base;
}

function close(place) {
  const [start, length] = [base + place, at - base - place];
  bytes[start - 4] = length;
  bytes[start - 3] = length >> 8;
  bytes[start - 2] = length >> 16;
  bytes[start - 1] = length >> 24;
}

/** A property by its name, or quicker by the name's number. */
function member(object, key, number) {
  if (!careful) return number === undefined ? object[key] : read(object, number);
  try {
    return object[key];
  } catch {
    return UNREADABLE;
  }
}

function ownMember(object, key, number) {
  if (!careful) return isOwn.call(object, key) ? read(object, number) : undefined;
  try {
    return isOwn.call(object, key) ? object[key] : undefined;
  } catch {
    return UNREADABLE;
  }
}

function packValue(value, depth) {
  switch (typeof value) {
    case "string":
      return packText(value, TEXT);
    case "number":
      ensure(9);
      bytes[at] = NUMBER;
      numbers.setFloat64(at + 1, value, true);
      at += 9;
      return;
    case "boolean":
      ensure(1);
      bytes[at++] = value ? 2 : 1;
      return;
    case "object":
      if (value !== null) return packContainer(value, depth);
    // falls through
    case "undefined":
      ensure(1);
      bytes[at++] = NULL;
      return;
    default:
      ensure(1);
      bytes[at++] = OTHER;
  }
}

/** A tag, or what stands before a name, and the text. */
function packText(text, tag) {
  const length = text.length;
  if (length < 85) {
    // At most 254 bytes, so one byte tells the length. Most texts are short and ASCII.
    ensure(256);
    const memory = bytes;
    const first = at + 2;
    memory[at] = tag;
    let i = 0;
    for (; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) break;
      memory[first + i] = code;
    }
    if (i < length) i = writeText(text, first, 254);
    memory[at + 1] = i;
    at = first + i;
    return;
  }
  if (length > MOST) throw TOO_LARGE;
  ensure(6 + 3 * length);
  const written = writeText(text, at + 6, 3 * length);
  bytes[at] = tag;
  bytes[at + 1] = 255;
  numbers.setUint32(at + 2, written, true);
  at += 6 + written;
  if (at - base > MOST) throw TOO_LARGE;
}

function packContainer(value, depth) {
  let isArray = false;
  let names;
  try {
    isArray = Array.isArray(value);
    if (!isArray && !ArrayBuffer.isView(value)) names = Object.keys(value);
  } catch {
    isArray = false;
  }
  if (!isArray && !names) {
    ensure(1);
    bytes[at++] = OTHER;
    return;
  }
  if (depth === deepest) throw TOO_DEEP;
  const place = open(isArray ? ARRAY : OBJECT);
  if (isArray) {
    const count = member(value, "length");
    for (let i = 0; i < count; i++) {
      if (at - base > MOST) throw TOO_LARGE;
      packValue(member(value, i), depth + 1);
    }
  } else {
    for (let i = 0; i < names.length; i++) packMember(value, names[i], depth + 1);
  }
  close(place);
}

function packMember(object, name, depth) {
  const number = numberOf.get(name);
  const value = member(object, name, number);
  if (value === undefined) return;
  if (number === undefined) {
    packText(name, 255);
    if (at - base > MOST) throw TOO_LARGE;
  } else {
    ensure(1);
    bytes[at++] = number;
  }
  packValue(value, depth);
}

/** Packs a text without anything around it; its length. */
export function packPlain(text) {
  at = base;
  if (bytes.length === 0) refresh();
  ensure(3 * text.length);
  return writeText(text, at, 3 * text.length);
}

/** Writes the operator's lists behind the document; their lengths, and the locale. */
export function writeOptions(options, length) {
  at = base + length;
  const locale = option(options, "locale");
  const ports = writeList(option(options, "allowPorts"));
  const networks = writeList(option(options, "allowNetworks"));
  return { locale, ports, networks };
}

/** An option; one that throws is none. */
function option(options, key) {
  try {
    return options[key];
  } catch {
    return undefined;
  }
}

/** A list as an array, or as text with commas. */
function writeList(list) {
  if (list === undefined || list === null) return 0;
  let text;
  try {
    text = Array.isArray(list) ? list.join() : String(list);
  } catch {
    return 0;
  }
  ensure(3 * text.length);
  const written = writeText(text, at, 3 * text.length);
  at += written;
  return written;
}
