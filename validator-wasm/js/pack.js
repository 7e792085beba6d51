// Packs JavaScript values into the module's memory, in the encoding of smtp-rules' `packed` module. Whatever the
// value is, nothing is thrown, nothing is changed, and the work is bounded.

import { bytes, numbers, refresh, writeText } from "./memory.js";
import { depth as deepest, keys } from "./tables.js";

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

function start() {
  if (bytes.length === 0) refresh();
  at = base;
}

/** Packs a whole document; its length. */
export function packDocument(settings) {
  start();
  try {
    packValue(settings, 0);
  } catch (limit) {
    return only(limit);
  }
  return at - base;
}

/** Packs those fields of a document that the mask names; the length. */
export function packFields(settings, mask) {
  start();
  try {
    if (settings === null || typeof settings !== "object") return only(OTHER);
    const place = open(OBJECT);
    for (let number = 0; mask >> number; number++) {
      if ((mask >> number) & 1) {
        const value = ownMember(settings, keys[number]);
        if (value !== undefined) {
          ensure(1);
          bytes[at++] = number;
          packValue(value, 1);
        }
      }
    }
    close(place);
  } catch (limit) {
    return only(limit);
  }
  return at - base;
}

/** A document that is one tag; what is thrown in here is one, or the engine ran out of room. */
function only(tag) {
  start();
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
  numbers.setUint32(base + place - 4, at - base - place, true);
}

function member(object, key) {
  try {
    return object[key];
  } catch {
    return UNREADABLE;
  }
}

function ownMember(object, key) {
  try {
    return isOwn.call(object, key) ? object[key] : undefined;
  } catch {
    return UNREADABLE;
  }
}

function packValue(value, depth) {
  switch (typeof value) {
    case "string":
      ensure(1);
      bytes[at++] = TEXT;
      return packText(value);
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

function packText(text) {
  const length = text.length;
  if (length < 85) {
    // At most 254 bytes, so one byte tells the length. Most texts are short and ASCII.
    ensure(255);
    const first = at + 1;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) {
        bytes[at] = writeText(text, first, 254);
        at = first + bytes[at];
        return;
      }
      bytes[first + i] = code;
    }
    bytes[at] = length;
    at = first + length;
    return;
  }
  if (length > MOST) throw TOO_LARGE;
  ensure(5 + 3 * length);
  const written = writeText(text, at + 5, 3 * length);
  bytes[at] = 255;
  numbers.setUint32(at + 1, written, true);
  at += 5 + written;
  if (at - base > MOST) throw TOO_LARGE;
}

function packContainer(value, depth) {
  let isArray;
  let names;
  try {
    isArray = Array.isArray(value);
    names = isArray || ArrayBuffer.isView(value) ? undefined : Object.keys(value);
  } catch {
    names = undefined;
    isArray = undefined;
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
    for (let i = 0; i < names.length; i++) packMember(names[i], member(value, names[i]), depth + 1);
  }
  close(place);
}

function packMember(name, value, depth) {
  if (value === undefined) return;
  const number = numberOf.get(name);
  ensure(1);
  if (number === undefined) {
    bytes[at++] = 255;
    packText(name);
  } else {
    bytes[at++] = number;
  }
  if (at - base > MOST) throw TOO_LARGE;
  packValue(value, depth);
}

/** Packs a text without anything around it; its length. */
export function packPlain(text) {
  start();
  ensure(3 * text.length);
  return writeText(text, at, 3 * text.length);
}

/** Writes the operator's lists behind the document; their lengths, and the locale. */
export function writeOptions(options, length) {
  at = base + length;
  const locale = member(options, "locale");
  const ports = writeList(member(options, "allowPorts"));
  const networks = writeList(member(options, "allowNetworks"));
  return { locale, ports, networks };
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
