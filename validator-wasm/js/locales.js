// The messages by language. English is part of the package's main file; the others are modules of their own.

import english from './locales/en.js';
import { loaders } from './tables.js';

/**
 * A message: a text, or an array in which texts and names of params alternate.
 * @typedef {string | string[]} Template
 */

/** @type {{ en: Template[], [locale: string]: Template[] | undefined }} */
const loaded = { en: prepare(english) };

/**
 * Splits messages with params into texts and names.
 * @param {string[]} messages
 * @returns {Template[]}
 */
function prepare(messages) {
  return messages.map((message) => (message.includes('{') ? message.split(/\{(\w+)\}/) : message));
}

/**
 * The language of a tag: its first part in lower case, or English where there are no messages in that language.
 * @param {unknown} tag
 */
function language(tag) {
  const first = typeof tag === 'string' ? tag.slice(0, 3).toLowerCase() : '';
  const name = first[2] === '-' || first[2] === '_' ? first.slice(0, 2) : first;
  return name in loaders ? name : 'en';
}

/**
 * Loads the messages of a locale; a failure is forgotten, so that the next call tries again.
 * @param {unknown} tag
 */
export async function loadLocale(tag) {
  const name = language(tag);
  loaded[name] ??= prepare((await loaders[name]()).default);
}

/**
 * The templates of a locale, or the English ones until it is loaded.
 * @param {unknown} [tag]
 * @returns {readonly Template[]}
 */
export function templatesFor(tag) {
  return (tag ? loaded[language(tag)] : undefined) ?? loaded.en;
}
