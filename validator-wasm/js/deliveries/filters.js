// The filters of the list: a row of fields, and the rows that they let through.

/**
 * @import { Messages } from '../../types/form.js'
 * @import { Delivery, Filters } from '../../types/deliveries.js'
 */

import { button, h } from '../form/dom.js';
import { CATEGORIES } from '../form/draft.js';

export const STATES = ['queued', 'sending', 'sent', 'deferred', 'held', 'failed', 'unknown'];

/** @returns {Filters} */
export const noFilters = () => ({ recipient: '', status: '', category: '', since: '', until: '' });

/** @param {Filters} filters */
export const areEmpty = (filters) => Object.values(filters).every((value) => value === '');

/**
 * The fields; `changed` is called with the filters after each change.
 * @param {Messages} t
 * @param {Filters} filters
 * @param {(filters: Filters) => void} changed
 */
export function filterBar(t, filters, changed) {
  const now = { ...filters };
  /**
   * @param {keyof Filters} name
   * @param {HTMLInputElement | HTMLSelectElement} control
   */
  const field = (name, control) => {
    control.value = now[name];
    control.addEventListener('input', () => {
      now[name] = control.value.trim();
      clear.hidden = areEmpty(now);
      changed({ ...now });
    });
    return h(
      'div',
      { class: 'field' },
      h('label', { class: 'label', part: 'label', for: `filter-${name}` }, t(`filter.${name}`)),
      h('div', { class: 'control' }, control),
    );
  };
  /**
   * @param {keyof Filters} name
   * @param {string} type
   * @param {string | null} [hint]
   */
  const input = (name, type, hint = null) =>
    field(name, h('input', { type, id: `filter-${name}`, part: 'input', autocomplete: 'off', placeholder: hint }));
  /**
   * @param {keyof Filters} name
   * @param {string} group
   * @param {readonly string[]} values
   */
  const select = (name, group, values) =>
    field(
      name,
      h(
        'select',
        { id: `filter-${name}`, part: 'select' },
        h('option', { value: '' }, t('filter.all')),
        values.map((value) => h('option', { value }, t(`${group}.${value}`))),
      ),
    );
  const clear = button(t('filter.clear'), {
    look: 'link',
    part: 'button clear-button',
    hidden: areEmpty(now),
    click: () => {
      Object.assign(now, noFilters());
      for (const control of bar.querySelectorAll('input, select')) {
        /** @type {HTMLInputElement} */ (control).value = '';
      }
      clear.hidden = true;
      bar.querySelector('input')?.focus();
      changed({ ...now });
    },
  });
  const bar = h(
    'div',
    { class: 'filters', part: 'filters', role: 'search', 'aria-label': t('deliveries.label') },
    input('recipient', 'search', t('filter.recipient.hint')),
    select('status', 'state', STATES),
    select('category', 'category', CATEGORIES),
    input('since', 'date'),
    input('until', 'date'),
    clear,
  );
  return bar;
}

/**
 * The beginning of a day of the reader, or of the day after it, as the API takes times.
 * @param {string} day
 * @param {number} [later]
 */
function moment(day, later = 0) {
  const [year, month, date] = day.split('-').map(Number);
  const time = new Date(year, month - 1, date + later);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}

/**
 * The filters as the API takes them.
 * @param {Filters} filters
 * @returns {Record<string, string>}
 */
export function asked({ recipient, status, category, since, until }) {
  const times = { since: since && moment(since), until: until && moment(until, 1) };
  const all = Object.entries({ recipient, status, category, ...times });
  /** @type {Record<string, string>} */
  const set = {};
  for (const [name, value] of all) if (value) set[name] = value;
  return set;
}

/**
 * Whether the filters let a row through: an API may know only some of them.
 * @param {Delivery} row
 * @param {Filters} filters
 */
export function matches(row, filters) {
  const { status, category, since, until } = asked(filters);
  return (
    (!status || row.status === status) &&
    (!category || row.category === category) &&
    (!since || Date.parse(row.queuedAt) >= Date.parse(since)) &&
    (!until || Date.parse(row.queuedAt) < Date.parse(until))
  );
}
