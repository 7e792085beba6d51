// The façade of the object API: loads its module, and hands over values that it has looked at. Nothing throws once `init` is
// done, whatever comes in.

import { instantiate, once } from '../load.js';
import * as glue from './ownpost_objects_bg.js';
import { LARGEST, plain, TOO_LARGE } from './plain.js';

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
    return object?.[name];
  } catch {}
}

/**
 * A list, given as an array or as text with commas, as text.
 * @param {unknown} options
 * @param {string} name
 */
function list(options, name) {
  try {
    return String(member(options, name) ?? '');
  } catch {
    return '';
  }
}

/**
 * Ports, networks and locale, as the module takes them.
 * @param {unknown} options
 * @returns {[string, string, string]}
 */
function operator(options) {
  const locale = typeof options === 'string' ? options : member(options, 'locale');
  return [list(options, 'allowPorts'), list(options, 'allowNetworks'), text(locale)];
}

/** @type {typeof import('./index.js').validate} */
export function validate(settings, options) {
  needReady();
  return JSON.parse(glue.validate(...plain(settings, false), ...operator(options)));
}

/** @type {typeof import('./index.js').readSettings} */
export function readSettings(document, options) {
  needReady();
  const asked = operator(options);
  if (typeof document !== 'string') return JSON.parse(glue.read_settings(...plain(document, false), ...asked));
  return JSON.parse(
    document.length > LARGEST ? glue.read_settings(null, TOO_LARGE, ...asked) : glue.parse_settings(document, ...asked),
  );
}

/** @type {typeof import('./index.js').readEvent} */
export function readEvent(document) {
  needReady();
  if (typeof document !== 'string') return JSON.parse(glue.read_event(...plain(document, true)));
  return JSON.parse(document.length > LARGEST ? glue.read_event(null, TOO_LARGE) : glue.parse_event(document));
}

/** @param {unknown} message */
function octets(message) {
  try {
    if (message instanceof Uint8Array) return message.subarray(0, LARGEST + 1);
  } catch {
    // A proxy that refuses, or bytes that went to another thread.
    return new Uint8Array();
  }
  return new TextEncoder().encode(text(message, LARGEST + 1));
}

/** @type {typeof import('./index.js').inspect} */
export function inspect(message, expected) {
  needReady();
  const [sender, host, messageId, locale] = ['sender', 'host', 'messageId', 'locale'].map((name) =>
    text(member(expected, name)),
  );
  return JSON.parse(glue.inspect(octets(message), sender, host, messageId, locale));
}
