// The façade of the object API: loads its module, and hands over values that it has looked at. Nothing throws once `init` is
// done, whatever comes in.

import { instantiate, once } from '../load.js';
import * as glue from './ownpost_objects_bg.js';

/** The largest mail that is read, in bytes; one more shows that it is larger. */
const LARGEST_MAIL = 1 << 20;

let ready = false;

/**
 * Loads the module, once.
 * @type {typeof import('./index.js').default}
 */
export default function init(options) {
  return load(options?.wasm);
}

const load = once(
  async (
    /** @type {import('./index.js').ObjectsOptions['wasm']} */ source = new URL('./objects.wasm', import.meta.url),
  ) => {
    const { exports } = await instantiate(await source, { './ownpost_objects_bg.js': glue });
    glue.__wbg_set_wasm(exports);
    /** @type {(() => void) | undefined} */ (exports.__wbindgen_start)?.();
    ready = true;
  },
);

function needReady() {
  if (!ready) throw new Error('@ownpost/validator/objects: await init() first');
}

/** A text of at most `most` characters; of anything else none, whatever its getters do. */
const text = (/** @type {unknown} */ value, most = 1000) => (typeof value === 'string' ? value.slice(0, most) : '');

/**
 * @param {any} object
 * @param {string} name
 */
function member(object, name) {
  try {
    return text(object?.[name]);
  } catch {
    return '';
  }
}

/** @param {unknown} message */
function octets(message) {
  try {
    if (message instanceof Uint8Array) return message.subarray(0, LARGEST_MAIL + 1);
  } catch {
    // A proxy that refuses, or bytes that went to another thread.
    return new Uint8Array();
  }
  return new TextEncoder().encode(text(message, LARGEST_MAIL + 1));
}

/** @type {typeof import('./index.js').inspect} */
export function inspect(message, expected) {
  needReady();
  const [sender, host, messageId, locale] = ['sender', 'host', 'messageId', 'locale'].map((name) =>
    member(expected, name),
  );
  return glue.inspect(octets(message), sender, host, messageId, locale);
}
