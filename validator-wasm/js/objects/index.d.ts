import type { InitOptions, Options } from '../index.js';
import type { EventReport, InspectReport, Locale, SettingsReport, ValidationReport } from '../types.js';

export type * from '../types.js';

export interface ObjectsOptions {
  /** The WASM of settings and events, when it is not beside the module; see {@link InitOptions.wasm}. */
  wasm?: InitOptions['wasm'];
  /** The WASM of `inspect`, likewise. `false` leaves it out, for those who read no mails; by default it is loaded. */
  inspect?: boolean | InitOptions['wasm'];
  /** The languages of issues to load in addition to English; all by default. */
  locales?: readonly (Locale | (string & {}))[];
}

/** Loads the modules and the messages, once; await it before anything else. A failed load can be tried again. */
export default function init(options?: ObjectsOptions): Promise<void>;

/** Checks settings of any shape. Never throws once `init` is done, and never changes its input. */
export function validate(settings: unknown, options?: string | Options): ValidationReport;

/** Reads settings, JSON text or an object: the report, and the settings as they would be stored, without their secrets. */
export function readSettings(document: unknown, options?: string | Options): SettingsReport;

/**
 * Reads an event, JSON text or an object as `JSON.stringify` writes it: whether the router accepts it, why not, and the
 * event as it reads it, to be sent.
 */
export function readEvent(document: unknown): EventReport;

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
