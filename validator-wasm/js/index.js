// The façade of the npm package: packs JavaScript values into the module's memory, asks the rules once, and
// decodes the issues, if there are any. No rule is written here.

/** @import { InitOptions, Options } from './index.js' */

import * as glue from './validator_wasm_bg.js';
import { decodeIssues, decodeSuggestion } from './decode.js';
import { link, once } from './load.js';
import { loadLocale, templatesFor } from './locales.js';
import { readText, useMemory } from './memory.js';
import { packDocument, packPlain, preparePacker, writeOptions } from './pack.js';
import { codes as allCodes, keys, loaders, needs } from './tables.js';

/** The numbers of the document's fields by name. */
const tops = new Map(keys.slice(0, needs.length).map((key, number) => [key, number]));

let ready = false;

/**
 * Loads the module and the messages, once.
 * @type {typeof import('./index.js').default}
 */
export default function init(options) {
  const locales = options?.locales ?? Object.keys(loaders);
  return Promise.all([load(options?.wasm), ...locales.map(loadLocale)]).then(() => undefined);
}

const load = once(async (/** @type {InitOptions['wasm']} */ source = new URL('./validator.wasm', import.meta.url)) => {
  const { memory } = await link(source, './validator_wasm_bg.js', glue);
  useMemory(/** @type {WebAssembly.Memory} */ (memory));
  preparePacker(glue.input);
  ready = true;
});

function needReady() {
  if (!ready) throw new Error('@ownpost/validator: await init() first');
}

/**
 * Returns all issues of the settings, or of the field with the number `only`; -1 means all.
 * @param {unknown} settings
 * @param {string | Options | undefined} options
 * @param {number} only
 */
function check(settings, options, only) {
  needReady();
  const length = packDocument(settings, needs[only]);
  let locale = options;
  let ports = 0;
  let networks = 0;
  if (options && typeof options === 'object') {
    ({ locale, ports, networks } = writeOptions(options, length));
  }
  const issues = glue.run(length, ports, networks, only + 1);
  return issues === 0 ? [] : decodeIssues(glue.output(), issues, templatesFor(locale));
}

/** @type {typeof import('./index.js').validate} */
export function validate(settings, options) {
  const issues = check(settings, options, -1);
  return { valid: issues.length === 0 || issues.every(({ severity }) => severity !== 'error'), issues };
}

/** @type {typeof import('./index.js').validateField} */
export function validateField(settings, field, options) {
  const path = typeof field === 'string' ? field : '';
  const dot = path.indexOf('.');
  const top = tops.get(dot < 0 ? path : path.slice(0, dot)) ?? -1;
  const issues = check(settings, options, top);
  if (issues.length === 0 || (top >= 0 && dot < 0)) return issues;
  return issues.filter((issue) => issue.field === path || (path && issue.field.startsWith(`${path}.`)));
}

/** @type {typeof import('./index.js').suggest} */
export function suggest(emailOrHost) {
  needReady();
  if (typeof emailOrHost !== 'string' || emailOrHost.length > 320) return null;
  const found = glue.suggest(packPlain(emailOrHost, 0));
  return found === 0 ? null : decodeSuggestion(glue.output(), found);
}

/** @type {typeof import('./index.js').secretText} */
export function secretText(secret) {
  needReady();
  const length = glue.secret(packDocument(secret, 0));
  return readText(glue.output(), length);
}

/** @type {typeof import('./index.js').sameDestination} */
export function sameDestination(settings, stored) {
  needReady();
  const first = packDocument(settings, 0);
  return glue.same_destination(first, packDocument(stored, 0, first) - first);
}

/** @type {typeof import('./index.js').codes} */
export function codes() {
  needReady();
  return [...allCodes];
}
