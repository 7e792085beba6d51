// Plain copies of what comes in: bounded in depth and size, without prototypes, getters or proxies, so that the module can
// read them without being thrown out of. Nothing here throws, and the input is only read.

/** The tags of the limits, as the `packed` module of smtp-rules has them. */
export const TOO_LARGE = 8;
export const TOO_DEEP = 9;

/** The largest document, in bytes of compact JSON. */
export const LARGEST = 1 << 20;

/** The levels of an event, as the server's JSON parser has them; the module has the lower limit of settings itself. */
const DEEPEST = 127;

/** In place of a value that JSON does not have: the module reads bytes as such. */
const NO_JSON = new Uint8Array();
/** In place of a property that cannot be read. */
const UNREADABLE = Symbol();

const tagOf = Object.prototype.toString;

let left = 0;
let asJson = false;

/**
 * Copies a value; the second is the tag of the limit that stopped it, or 0. With `stringify` the copy is what
 * `JSON.stringify` would write: `toJSON` is called. A Map or Set, which would be written as an empty object, is refused.
 * @param {unknown} value
 * @param {boolean} stringify
 * @returns {[unknown, number]}
 */
export function plain(value, stringify) {
  left = LARGEST;
  asJson = stringify;
  try {
    return [copy(value, 0), 0];
  } catch (tag) {
    // Anything else is an engine that is out of memory or stack.
    return [null, tag === TOO_DEEP ? TOO_DEEP : TOO_LARGE];
  }
}

/** Counts characters that the value has as compact JSON, at the least. */
function spend(/** @type {number} */ count) {
  left -= count;
  if (left < 0) throw TOO_LARGE;
}

/**
 * @param {any} object
 * @param {PropertyKey} key
 */
function read(object, key) {
  try {
    return object[key];
  } catch {
    return UNREADABLE;
  }
}

/** @param {any} value */
function written(value) {
  try {
    return typeof value?.toJSON === 'function' ? value.toJSON('') : value;
  } catch {
    return UNREADABLE;
  }
}

/**
 * @param {unknown} given
 * @param {number} depth
 * @returns {unknown}
 */
function copy(given, depth) {
  const value = asJson ? written(given) : given;
  switch (typeof value) {
    case 'string':
      spend(value.length + 2);
      return value;
    case 'number':
    case 'boolean':
      spend(1);
      return value;
    case 'undefined':
      spend(4);
      return null;
    case 'object':
      if (value !== null) return copyContainer(value, depth);
      spend(4);
      return null;
    default:
      return NO_JSON;
  }
}

/**
 * @param {object} value
 * @param {number} depth
 */
function copyContainer(value, depth) {
  /** @type {string[] | undefined} */
  let names;
  let isArray = false;
  try {
    isArray = Array.isArray(value);
    if (!isArray && !ArrayBuffer.isView(value) && !(asJson && isCollection(value))) names = Object.keys(value);
  } catch {
    return NO_JSON;
  }
  if (!isArray && !names) return NO_JSON;
  if (depth === DEEPEST) throw TOO_DEEP;
  spend(2);
  if (!names) {
    const copied = [];
    const count = read(value, 'length');
    for (let i = 0; i < count; i++) {
      copied.push(copy(read(value, i), depth + 1));
      if (i > 0) spend(1);
    }
    return copied;
  }
  const copied = Object.create(null);
  for (const name of names) {
    const item = read(value, name);
    if (item === undefined) continue;
    spend(name.length + 3);
    copied[name] = copy(item, depth + 1);
  }
  return copied;
}

/** @param {object} value */
function isCollection(value) {
  const tag = tagOf.call(value);
  return tag === '[object Map]' || tag === '[object Set]';
}
