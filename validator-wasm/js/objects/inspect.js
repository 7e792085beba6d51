// The reader of received mails: a module of its own, for a page that only looks into a mail, and for those who never do.

import { link, once } from '../load.js';
import * as glue from './inspect_bg.js';
import { LARGEST, member, text } from './plain.js';

let ready = false;

/**
 * Loads the module, once.
 * @type {(source?: import('./index.js').ObjectsOptions['wasm']) => Promise<void>}
 */
export default once(
  async (
    /** @type {import('./index.js').ObjectsOptions['wasm']} */ source = new URL('./inspect.wasm', import.meta.url),
  ) => {
    await link(source, './inspect_bg.js', glue);
    ready = true;
  },
);

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
  if (!ready) throw new Error('@ownpost/validator/objects: await init() first, without inspect: false');
  const [sender, host, messageId, locale] = ['sender', 'host', 'messageId', 'locale'].map((name) =>
    text(member(expected, name)),
  );
  return JSON.parse(glue.inspect(octets(message), sender, host, messageId, locale));
}
