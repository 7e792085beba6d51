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

/** The messages of the codes, in the codes' order. */
declare module '*/locales/en.js' {
  const messages: string[];
  export default messages;
}
declare module '*/locales/fr.js' {
  export { default } from '*/locales/en.js';
}
declare module '*/locales/nl.js' {
  export { default } from '*/locales/en.js';
}
declare module '*/locales/de.js' {
  export { default } from '*/locales/en.js';
}
declare module '*/locales/es.js' {
  export { default } from '*/locales/en.js';
}

/** The messages of the form, by key. */
declare module '*/messages/en.js' {
  const messages: Record<string, string>;
  export default messages;
}
declare module '*/messages/fr.js' {
  export { default } from '*/messages/en.js';
}
declare module '*/messages/nl.js' {
  export { default } from '*/messages/en.js';
}
declare module '*/messages/de.js' {
  export { default } from '*/messages/en.js';
}
declare module '*/messages/es.js' {
  export { default } from '*/messages/en.js';
}
