/** SMTP settings as the form collects them (CONTRACT §1). */
export interface SmtpSettings {
  host: string;
  port?: number | null;
  security?: "starttls" | "tls" | null;
  authMethod?: "password" | "oauth2" | "none" | null;
  username?: string | null;
  password?: SecretInput | null;
  oauth2?: OAuth2 | null;
  senderAddress: string;
  senderName?: string | null;
  replyTo?: string | null;
  ehloName?: string | null;
  caPem?: string | null;
  routing?: { [category in Category]?: Route | null } | null;
}

/** A new secret, or the stored one. `spaces` says what becomes of white space in `set`; "keep" is the default. */
export type SecretInput =
  | { set: string; spaces?: "keep" | "trim" | "remove" | null; keep?: null }
  | { keep: true; set?: null };

export interface OAuth2 {
  grant: "client_credentials" | "refresh_token";
  tokenUrl: string;
  clientId: string;
  clientSecret?: SecretInput | null;
  refreshToken?: SecretInput | null;
  scope?: string | null;
}

export type Category = "notification" | "rights-request" | "audit-invitation" | "user-invitation";

export interface Route {
  via?: "relay" | "platform" | null;
  onFailure?: "hold" | "platform" | null;
}

export interface ValidationReport {
  /** False as soon as one issue is an error. */
  valid: boolean;
  /** All of them, in the order of the fields. */
  issues: Issue[];
}

export interface Issue {
  /** Dotted path into the settings; empty for the whole document. */
  field: string;
  /** Stable code; `codes()` lists them. */
  code: string;
  severity: "error" | "warning";
  params: Record<string, string | number>;
  /** For the admin, in the asked locale. */
  message: string;
  /** A JSON merge patch (RFC 7396) that cures the issue, or null. */
  fix: Record<string, unknown> | null;
}

export interface Options {
  /** BCP 47 tag; en, fr, nl, de and es are there. */
  locale?: string;
  /** Ports allowed beside 25, 465, 587, 2525, 2465 and 2587. */
  allowPorts?: readonly number[] | string;
  /** CIDRs that may be dialled although they are not public. */
  allowNetworks?: readonly string[] | string;
}

export interface InitOptions {
  /** Where the WASM is, when it does not lie beside the module: its address, a response, its bytes, a module. */
  wasm?: string | URL | Response | BufferSource | WebAssembly.Module | Promise<string | URL | Response | BufferSource | WebAssembly.Module>;
  /** The languages to load beside English; all, unless said otherwise. */
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

/** The stable codes of all issues. */
export function codes(): string[];
