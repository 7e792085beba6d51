// Plain copies of what comes in: bounded in depth and size, without prototypes, getters or proxies, so that the module can
// read them without being thrown out of. Nothing here throws, and the input is only read.

/** A text of at most `most` characters; of anything else none, whatever its getters do. */
export const text = (/** @type {unknown} */ value, most = 1000) =>
  typeof value === 'string' ? value.slice(0, most) : '';

/**
 * A member of whatever it is.
 * @param {any} object
 * @param {string} name
 */
export function member(object, name) {
  try {
    return object?.[name];
  } catch {}
}

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

/** What stopped a copy as JSON: the names and indices that lead to a value that JSON does not have. */
class NoJson {
  /** @type {(string | number)[]} */
  path = [];
}

/**
 * Copies a value; `limit` is the tag of the limit that stopped it, or 0. With `asJson` the copy is what `JSON.stringify`
 * would write: `toJSON` is called. Then a value that JSON does not have stops it, and `place` says where; so does a Map or
 * Set, which would be written as an empty object. Without it, such values are bytes in the copy.
 * @param {unknown} value
 * @param {boolean} stringify
 * @returns {{ value: unknown, limit: number, place?: string }}
 */
export function plain(value, stringify) {
  left = LARGEST;
  asJson = stringify;
  try {
    return { value: copy(value, 0), limit: 0 };
  } catch (reason) {
    if (reason instanceof NoJson) {
      const place = reason.path.reduce(
        (/** @type {string} */ path, step) =>
          typeof step === 'number' ? `${path}[${step}]` : path ? `${path}.${step}` : step,
        '',
      );
      return { value: null, limit: 0, place };
    }
    // Anything else is an engine that is out of memory or stack.
    return { value: null, limit: reason === TOO_DEEP ? TOO_DEEP : TOO_LARGE };
  }
}

/** A value that JSON does not have. */
function noJson() {
  if (asJson) throw new NoJson();
  return NO_JSON;
}

/**
 * Copies what is below a name or an index.
 * @param {unknown} value
 * @param {number} depth
 * @param {string | number} step
 */
function copyBelow(value, depth, step) {
  try {
    return copy(value, depth + 1);
  } catch (reason) {
    if (reason instanceof NoJson) reason.path.unshift(step);
    throw reason;
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
      return noJson();
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
    return noJson();
  }
  if (!isArray && !names) return noJson();
  if (depth === DEEPEST) throw TOO_DEEP;
  spend(2);
  if (!names) {
    const copied = [];
    const count = read(value, 'length');
    for (let i = 0; i < count; i++) {
      copied.push(copyBelow(read(value, i), depth, i));
      if (i > 0) spend(1);
    }
    return copied;
  }
  const copied = Object.create(null);
  for (const name of names) {
    const item = read(value, name);
    if (item === undefined) continue;
    spend(name.length + 3);
    copied[name] = copyBelow(item, depth, name);
  }
  return copied;
}

/** @param {object} value */
function isCollection(value) {
  const tag = tagOf.call(value);
  return tag === '[object Map]' || tag === '[object Set]';
}
