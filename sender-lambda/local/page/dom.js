// Builds elements without innerHTML: what a mail or a server says is text here, never markup.
export { append, fill, h } from '/validator/form/dom.js';

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** The time of day, or with the date when it was not today. */
export function time(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return '';
  return date.toDateString() === new Date().toDateString() ? clock.format(date) : calendar.format(date);
}

/** Says it to those who do not see the change. */
export function announce(text) {
  document.querySelector('#live').textContent = text;
}
