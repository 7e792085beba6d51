// The modules that the build makes, for the type check of those that people write: see infra/xtask/src/{wasm,form}.rs.

declare module '*/tables.js' {
  type IssueCode = import('../js/index.js').IssueCode;
  type Severity = import('../js/index.js').Severity;
  /** A property by its name's number. */
  export const read: (object: object, number: number) => unknown;
  export const codes: IssueCode[];
  export const fields: string[];
  export const severities: Severity[];
  export const keys: string[];
  export const params: string[];
  /** For each field of the document, the fields that its rules read, as a mask. */
  export const needs: number[];
  /** How deep a document may be. */
  export const depth: number;
  /** How the messages are loaded that are not part of the package's main file, by locale. */
  export const loaders: Record<string, () => Promise<{ default: string[] }>>;
  // Tags of the packed format.
  export const NULL: number;
  export const FALSE: number;
  export const TRUE: number;
  export const NUMBER: number;
  export const TEXT: number;
  export const OBJECT: number;
  export const ARRAY: number;
  export const OTHER: number;
  export const TOO_LARGE: number;
  export const TOO_DEEP: number;
  export const KEY_NAME: number;
  // Marks in packed issues.
  export const PARAM: number;
  export const CHANGE: number;
  export const SUGGESTION: number;
}

declare module '*/validator_wasm_bg.js' {
  export function __wbg_set_wasm(exports: WebAssembly.Exports): void;
  export function input(length: number): number;
  export function run(document: number, ports: number, networks: number, only: number): number;
  export function suggest(length: number): number;
  export function secret(length: number): number;
  export function same_destination(settings: number, stored: number): boolean;
  export function output(): number;
}

declare module '*/documents_bg.js' {
  export function __wbg_set_wasm(exports: WebAssembly.Exports): void;
  // Each answer is JSON text; the limit is the tag of the one that stopped the copy, or 0.
  export function validate(document: unknown, limit: number, ports: string, networks: string): string;
  export function read_settings(document: unknown, limit: number, ports: string, networks: string): string;
  export function parse_settings(document: string, ports: string, networks: string): string;
  export function read_event(document: string): string;
  export function refuse_event(limit: number, place: string): string;
}

declare module '*/inspect_bg.js' {
  export function __wbg_set_wasm(exports: WebAssembly.Exports): void;
  export function inspect(message: Uint8Array, sender: string, host: string, messageId: string, locale: string): string;
}

/** The messages of the codes, in the codes' order. */
declare module '*/locales/en.js' {
  const messages: string[];
  export default messages;
}
/** The lists of the elements, and of the object API. */
declare module '*/lists.js' {
  /** Each provider's name, and a host that `suggest` finds its settings by. */
  export const PROVIDERS: [string, string][];
  /** How the form's messages are loaded, by locale. */
  export const LOADERS: Record<string, () => Promise<{ default: Record<string, string> }>>;
  /** How the messages of issues are loaded for the object API, by locale. */
  export const loaders: Record<string, () => Promise<{ default: string[] }>>;
  /** The sentence of `settings.not_json`, by locale. */
  export const notJson: Record<string, string>;
}

/** The style sheet, minified. */
declare module '*/css.js' {
  const css: string;
  export default css;
}
