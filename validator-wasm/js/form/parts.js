// Parts of a report: a list of facts, and a text that can be copied.

/** @import { Child, Messages } from '../../types/form.js' */

import { button, h } from './dom.js';

/**
 * A sentence with an element where a value stands.
 * @param {Messages} t
 * @param {string} key
 * @param {string} name of the value
 * @param {Child} child
 */
export function sentence(t, key, name, child) {
  const [before, after] = t(key).split(`{${name}}`);
  return [before, child, after];
}

/** @typedef {{ t: Messages, announce(text: string): void }} Speaker */

/**
 * A line with a button that copies it.
 * @param {Speaker} form
 * @param {string} text
 */
export function copyable(form, text) {
  return h('span', { class: 'copyable' }, h('code', { dir: 'ltr' }, text), copyButton(form, text));
}

/**
 * @param {Speaker} form
 * @param {string} text
 */
export function copyButton({ t, announce }, text) {
  /** @type {HTMLButtonElement} */
  const copy = button(t('form.copy'), {
    look: 'quiet small',
    click: async () => {
      await navigator.clipboard.writeText(text).catch(() => undefined);
      copy.textContent = t('form.copied');
      announce(t('form.copied'));
    },
  });
  return copy;
}

/** @param {[name: string, value: Child][]} rows */
export function facts(rows) {
  return h(
    'dl',
    { class: 'facts-list' },
    rows
      .filter(([, value]) => value !== null && value !== undefined && value !== '')
      .map(([name, value]) =>
        h('div', {}, h('dt', {}, name), h('dd', { dir: typeof value === 'string' ? 'auto' : null }, value)),
      ),
  );
}
