// The form's words. Each language is a module of its own that is loaded when it is asked for; the package build
// makes them from `validator-wasm/locales/*/form.json`.

/** @import { Messages } from '../../types/form.js' */

/** @type {Record<string, () => Promise<{ default: Record<string, string> }>>} */
const LOADERS = {
  en: () => import('./words/en.js'),
  fr: () => import('./words/fr.js'),
  nl: () => import('./words/nl.js'),
  de: () => import('./words/de.js'),
  es: () => import('./words/es.js'),
};

/**
 * The language that serves a tag: no case, `_` is `-`, a region falls back to its language, the rest to English.
 * @param {unknown} tag
 */
export function pickLocale(tag) {
  const language = String(tag ?? '')
    .replaceAll('_', '-')
    .toLowerCase()
    .split('-')[0];
  return Object.hasOwn(LOADERS, language) ? language : 'en';
}

/**
 * Loads a language.
 * @param {string} locale
 */
export async function loadWords(locale) {
  const { default: words } = await LOADERS[locale]();
  return makeWords(locale, words);
}

/**
 * The words of a language: a function from key and parameters to text, with formats beside it.
 * @param {string} locale
 * @param {Record<string, string>} words
 * @returns {Messages}
 */
function makeWords(locale, words) {
  /**
   * @param {string} key
   * @param {Record<string, unknown>} [params]
   */
  const text = (key, params = {}) =>
    (words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) =>
      Object.hasOwn(params, name) ? String(params[name]) : whole,
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
    has: (/** @type {string} */ key) => Object.hasOwn(words, key),
    date: at(date),
    dateTime: at(dateTime),
    duration: (/** @type {number} */ ms) =>
      ms >= 1000 ? text('stages.s', { s: number.format(ms / 1000) }) : text('stages.ms', { ms: number.format(ms) }),
  });
}
