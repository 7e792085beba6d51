// The form's messages. Each language is a module of its own, loaded on demand; the package build makes them from
// `validator-wasm/locales/*/form.json`.

/** @import { Messages } from '../../types/form.js' */

import { shown } from '../shown.js';
import { loadAgain } from '../again.js';

/** @typedef {Record<string, () => Promise<{ default: Record<string, string> }>>} Loaders */

/**
 * The language for a tag: case does not matter, `_` is `-`, a region falls back to its language, others to English.
 * @param {unknown} tag
 * @param {Loaders} loaders
 */
export function pickLocale(tag, loaders) {
  const language = String(tag ?? '')
    .replaceAll('_', '-')
    .toLowerCase()
    .split('-')[0];
  return Object.hasOwn(loaders, language) ? language : 'en';
}

/**
 * Loads the messages of a language.
 * @param {string} locale
 * @param {Loaders} loaders
 */
export async function loadMessages(locale, loaders) {
  const { default: messages } = await loadAgain(loaders[locale]);
  // A copy: `add` is for this one reader.
  return makeMessages(locale, { ...messages });
}

/**
 * The messages of a language: a function from key and parameters to text, with formats beside it.
 * @param {string} locale
 * @param {Record<string, string>} messages
 * @returns {Messages}
 */
function makeMessages(locale, messages) {
  /**
   * @param {string} key
   * @param {Record<string, unknown>} [params]
   */
  const text = (key, params = {}) =>
    (messages[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) =>
      Object.hasOwn(params, name) ? shown(params[name]) : whole,
    );
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const date = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' });
  const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
  /** @param {Intl.DateTimeFormat} format @returns {Messages['date']} */
  const at = (format) => (value) => {
    const time = new Date(value ?? '');
    return Number.isNaN(time.getTime()) ? String(value ?? '') : format.format(time);
  };
  return Object.assign(text, {
    locale,
    has: (/** @type {string} */ key) => Object.hasOwn(messages, key),
    add: (/** @type {Record<string, string>} */ more) => Object.assign(messages, more),
    date: at(date),
    dateTime: at(dateTime),
    duration: (/** @type {number} */ ms) =>
      ms >= 1000 ? text('stages.s', { s: number.format(ms / 1000) }) : text('stages.ms', { ms: number.format(ms) }),
  });
}
