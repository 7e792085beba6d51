// Builds elements without innerHTML: text of a mail or a server is always text, never markup.
export { append, fill, h } from '/validator/src/form/dom.js';

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/**
 * The time of day, or with the date when it was not today.
 * @param {string} text
 */
export function time(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return '';
  return date.toDateString() === new Date().toDateString() ? clock.format(date) : calendar.format(date);
}

/**
 * An element of the page by its id.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function at(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

/**
 * The text in a field of the page, by the field's id.
 * @param {string} id
 */
export function typed(id) {
  return /** @type {HTMLInputElement | HTMLSelectElement} */ (at(id)).value.trim();
}

/**
 * Announces a change to screen readers.
 * @param {string | null} text
 */
export function announce(text) {
  at('live').textContent = text;
}
