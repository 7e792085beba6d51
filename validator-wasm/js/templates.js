// Messages by language: those that are there, those that are loaded, and the choice.

import { loadAgain } from './again.js';

/**
 * A message: a text, or an array in which texts and names of params alternate.
 * @typedef {string | string[]} Template
 */

/**
 * Splits messages with params into texts and names.
 * @param {string[]} messages
 * @returns {Template[]}
 */
function prepare(messages) {
  return messages.map((message) => (message.includes('{') ? message.split(/\{(\w+)\}/) : message));
}

/**
 * The messages of English, and of the languages that are loaded.
 * @param {string[]} english
 * @param {Record<string, () => Promise<{ default: string[] }>>} loaders
 */
export function templates(english, loaders) {
  /** @type {{ en: Template[], [locale: string]: Template[] | undefined }} */
  const loaded = { en: prepare(english) };

  /**
   * The language of a tag: its first part in lower case, or English where there are no messages in that language.
   * @param {unknown} tag
   */
  const language = (tag) => {
    const first = typeof tag === 'string' ? tag.slice(0, 3).toLowerCase() : '';
    const name = first[2] === '-' || first[2] === '_' ? first.slice(0, 2) : first;
    return name in loaders ? name : 'en';
  };

  return {
    language,

    /**
     * Loads the messages of a locale, if they are not there; the next call tries again after a failure.
     * @param {unknown} tag
     */
    async load(tag) {
      const name = language(tag);
      loaded[name] ??= prepare((await loadAgain(loaders[name])).default);
    },

    /**
     * The templates of a locale, or the English ones until it is loaded.
     * @param {unknown} [tag]
     * @returns {readonly Template[]}
     */
    of: (tag) => (tag ? loaded[language(tag)] : undefined) ?? loaded.en,
  };
}
