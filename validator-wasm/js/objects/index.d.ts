import type { InitOptions } from '../index.js';
import type { InspectReport, Locale } from '../types.js';

export type * from '../types.js';

export interface ObjectsOptions {
  /** The WASM, when it is not beside the module; see {@link InitOptions.wasm}. */
  wasm?: InitOptions['wasm'];
}

/** Loads the module, once; await it before anything else. A failed load can be tried again. */
export default function init(options?: ObjectsOptions): Promise<void>;

export interface Expected {
  /** `senderAddress` of the active settings. */
  sender?: string | null;
  /** `host` of the active settings. */
  host?: string | null;
  /** The Message-ID of the mail, with or without angle brackets. */
  messageId?: string | null;
  /** The language of the findings; English by default. */
  locale?: Locale | (string & {});
}

/**
 * Reads a received mail's source or header, as mail programs show it: its way, its TLS, its sender, and what the receiver
 * found of SPF, DKIM and DMARC. At most 1 MiB; never throws once `init` is done. Nothing leaves the machine.
 */
export function inspect(message: string | Uint8Array, expected?: Expected): InspectReport;
