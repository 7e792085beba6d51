// The messages by language. English is part of the package's main file; the others are modules of their own.

import english from './locales/en.js';

/**
 * A message: text, or texts and names of params in turn.
 * @typedef {string | string[]} Template
 */

/** @type {Record<string, () => Promise<{ default: string[] }>>} */
const load = {
  fr: () => import('./locales/fr.js'),
  nl: () => import('./locales/nl.js'),
  de: () => import('./locales/de.js'),
  es: () => import('./locales/es.js'),
};

/** @type {{ en: Template[], [locale: string]: Template[] | undefined }} */
const loaded = { en: prepare(english) };

/**
 * Templates with params become texts and names in turn.
 * @param {string[]} messages
 * @returns {Template[]}
 */
function prepare(messages) {
  return messages.map((message) => (message.includes('{') ? message.split(/\{(\w+)\}/) : message));
}

/**
 * The language of a tag: its first part, without case; English when it is none of ours.
 * @param {unknown} tag
 */
function language(tag) {
  const first = typeof tag === 'string' ? tag.slice(0, 3).toLowerCase() : '';
  const name = first[2] === '-' || first[2] === '_' ? first.slice(0, 2) : first;
  return name in load ? name : 'en';
}

/**
 * Loads the messages of a locale; a failure is forgotten, so that the next call tries again.
 * @param {unknown} tag
 */
export async function loadLocale(tag) {
  const name = language(tag);
  loaded[name] ??= prepare((await load[name]()).default);
}

/**
 * The templates of a locale, in English as long as it is not loaded.
 * @param {unknown} [tag]
 * @returns {readonly Template[]}
 */
export function templatesFor(tag) {
  return (tag ? loaded[language(tag)] : undefined) ?? loaded.en;
}
