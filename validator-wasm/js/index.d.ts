import type { Issue, IssueCode, Locale, Routing, SecretInput, SmtpSettings, ValidationReport } from './types.js';

export type * from './types.js';

/** The kinds of mail, each with a route of its own. */
export type Category = keyof Routing;

export interface Options {
  /** BCP 47 tag; a region falls back to its language, and a language without messages to English. */
  locale?: Locale | (string & {});
  /** Ports allowed beside 25, 465, 587, 2525, 2465 and 2587. */
  allowPorts?: readonly number[] | string;
  /** CIDRs that may be dialled although they are not public. */
  allowNetworks?: readonly string[] | string;
}

export interface InitOptions {
  /**
   * The WASM, when it is not beside the module: its address, a response, its bytes, or a module. The first call decides:
   * later calls, and those made during the load, join that load. After a failed load the next call decides.
   */
  wasm?:
    | string
    | URL
    | Response
    | BufferSource
    | WebAssembly.Module
    | Promise<string | URL | Response | BufferSource | WebAssembly.Module>;
  /**
   * The languages to load in addition to English and those of earlier calls; all by default. Messages in a language that
   * is not loaded are in English.
   */
  locales?: readonly string[];
}

/** Loads the module and the messages, once; await it before anything else. A failed load can be tried again. */
export default function init(options?: InitOptions): Promise<void>;

/** Checks settings of any shape. Never throws once `init` is done, and never changes its input. */
export function validate(settings: unknown, options?: string | Options): ValidationReport;

/** The issues of one field, those that come from other fields included. */
export function validateField(settings: unknown, field: string, options?: string | Options): Issue[];

/** The server, port and TLS mode of the provider that an address or host belongs to. */
export function suggest(emailOrHost: string): Partial<SmtpSettings> | null;

/** The text of a secret as the server stores it, with its `spaces` carried out; empty when it sets none. */
export function secretText(secret: SecretInput): string;

/**
 * Whether a secret that is stored with the one document may be kept (`{ keep: true }`) in the other: it may as long as
 * it goes to the same server, vouched for by the same CA, and to the same account. `stored` may be what `GET /smtp` shows.
 */
export function sameDestination(settings: unknown, stored: unknown): boolean;

/** The stable codes of all issues. */
export function codes(): IssueCode[];
