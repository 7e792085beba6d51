// The ledger: a row for each mail, which opens to its timeline: the event, the route and the reason for it, the server's
// reply to each attempt, and the present state.

/** @import { Reply } from '/validator/index.js' */

import { announce, fill, h, time } from './dom.js';
import { api } from './session.js';

/**
 * A row of the ledger, as the API gives it.
 * @typedef {object} Delivery
 * @property {string} id
 * @property {string} event
 * @property {string} type
 * @property {string} category
 * @property {string} recipient
 * @property {string} status
 * @property {string} reason
 * @property {string | null} route
 * @property {string | null} revision
 * @property {string} messageId
 * @property {string} queuedAt
 * @property {string} updatedAt
 * @property {string | null} nextAttemptAt
 * @property {{ at: string, ms: number, outcome: string, stage: string, smtp: Reply | null }[]} attempts
 */

/**
 * The name of a category for people: `Rights request`.
 * @param {string} category
 */
const categoryName = (category) => category.charAt(0).toUpperCase() + category.slice(1).replaceAll('-', ' ');

/** @type {Record<string, string>} */
const STATES = {
  queued: 'Queued',
  sending: 'Sending',
  sent: 'Sent',
  deferred: 'Will retry',
  held: 'On hold',
  failed: 'Failed',
  unknown: 'Unknown',
};
/** @type {Record<string, string>} */
const MEANING = {
  queued: 'It waits for a sender.',
  sending: 'A sender has it.',
  sent: 'The server has taken the mail and answers for it from here on.',
  deferred: 'It is tried again by itself.',
  held: 'It waits until the customer’s server works again, and takes no other way.',
  failed: 'It was refused for good, and is not tried again by itself.',
  unknown:
    'The connection was lost after the last byte: it may have arrived. So that nobody gets it twice, a person decides.',
};
/** @type {Record<string, string>} */
const ROUTES = { relay: 'Customer’s server', platform: 'Platform’s server' };
/** @type {Record<string, string>} */
const TONES = { sent: 'good', failed: 'bad', deferred: 'warn', held: 'warn', unknown: 'warn' };

/**
 * Shows the ledger in this element; `refresh` loads it again.
 * @param {HTMLElement} place
 */
export function ledger(place) {
  const address = h('input', {
    type: 'search',
    placeholder: 'Why did nothing reach this address?',
    'aria-label': 'Recipient',
    on: { input: () => look() },
  });
  const status = h(
    'select',
    { 'aria-label': 'Status', on: { change: () => look() } },
    h('option', { value: '' }, 'All'),
    Object.entries(STATES).map(([value, name]) => h('option', { value }, name)),
  );
  const list = h('ul', { class: 'list' });
  const empty = h('p', { class: 'empty' });
  const more = h(
    'button',
    { type: 'button', class: 'button quiet more', hidden: true, on: { click: () => look({ further: true }) } },
    'Earlier ones',
  );
  /** @type {Map<string, { item: HTMLElement, updatedAt: string, status: string }>} */
  const shown = new Map();
  /** @type {string | null} */
  let cursor = null;
  let latest = 0;
  place.append(h('div', { class: 'filters' }, address, status), list, empty, more);

  async function look({ further = false } = {}) {
    const turn = ++latest;
    const query = new URLSearchParams();
    if (address.value.trim()) query.set('recipient', address.value.trim());
    if (status.value) query.set('status', status.value);
    if (further && cursor) query.set('cursor', cursor);
    /** @type {{ deliveries: Delivery[], cursor: string | null } | null} */
    const page = await api('GET', `/deliveries?${query}`);
    if (turn !== latest || !page) return;
    const before = further ? [...list.children] : [];
    const rows = page.deliveries.map((row) => draw(row));
    list.replaceChildren(...new Set([...before, ...rows]));
    cursor = page.cursor;
    more.hidden = cursor === null;
    const searched = address.value.trim();
    empty.hidden = list.children.length > 0;
    empty.textContent =
      searched && !status.value
        ? `No event named ${searched}: nothing was triggered for it.`
        : searched || status.value
          ? 'Nothing like that.'
          : 'Nothing yet. Send a notification above.';
  }

  /**
   * The same row keeps its element, so that an open one stays open; it is redrawn when it has changed.
   * @param {Delivery} row
   */
  function draw(row) {
    const known = shown.get(row.id);
    if (known?.updatedAt === row.updatedAt && known.status === row.status) return known.item;
    const item = known?.item ?? h('li', {});
    const open = item.querySelector('details')?.open ?? false;
    fill(
      item,
      h(
        'details',
        { class: 'row', open, 'data-id': row.id, 'data-status': row.status },
        h(
          'summary',
          {},
          h('span', { class: `state ${row.status}` }, STATES[row.status] ?? row.status),
          h('span', { class: 'what' }, categoryName(row.category)),
          h('span', { class: 'to' }, row.recipient),
          h('span', { class: 'when' }, time(row.queuedAt)),
          h('span', { class: 'by' }, ROUTES[row.route ?? ''] ?? ''),
        ),
        timeline(row, (text) => {
          announce(text);
          look();
        }),
      ),
    );
    shown.set(row.id, { item, updatedAt: row.updatedAt, status: row.status });
    return item;
  }
  return { refresh: () => look() };
}

/**
 * The timeline of a row.
 * @param {Delivery} row
 * @param {(said: string) => void} done
 */
function timeline(row, done) {
  const steps = [
    h(
      'li',
      {},
      h('p', {}, h('strong', {}, 'Triggered'), ` ${time(row.queuedAt)} by `, h('code', {}, row.event)),
      h('p', { class: 'muted' }, `${row.type}, to ${row.recipient}`),
    ),
  ];
  if (row.route) {
    steps.push(
      h(
        'li',
        {},
        h('p', {}, h('strong', {}, ROUTES[row.route])),
        row.revision
          ? h('p', { class: 'muted' }, 'Settings of revision ', h('code', {}, row.revision.slice(0, 8)))
          : null,
      ),
    );
  }
  for (const attempt of row.attempts) {
    const good = attempt.outcome === 'accepted';
    const { smtp } = attempt;
    steps.push(
      h(
        'li',
        { class: good ? 'good' : 'bad' },
        h(
          'p',
          {},
          h('strong', {}, good ? 'Accepted' : `Stopped at ${attempt.stage}`),
          ` ${time(attempt.at)}, ${attempt.ms} ms`,
          good ? null : [' ', h('code', {}, attempt.outcome)],
        ),
        smtp ? h('code', { class: 'said' }, [smtp.code, smtp.enhanced, smtp.text].filter(Boolean).join(' ')) : null,
      ),
    );
  }
  steps.push(
    h(
      'li',
      { class: TONES[row.status] ?? '' },
      h(
        'p',
        {},
        h('strong', {}, STATES[row.status] ?? row.status),
        row.nextAttemptAt ? ` until ${time(row.nextAttemptAt)}` : '',
      ),
      h('p', {}, row.reason || MEANING[row.status]),
      row.reason && MEANING[row.status] ? h('p', { class: 'muted' }, MEANING[row.status]) : null,
      h('p', { class: 'muted' }, 'Message-ID ', h('code', {}, row.messageId)),
      actions(row, done),
    ),
  );
  return h('ol', { class: 'story' }, steps);
}

/**
 * @param {Delivery} row
 * @param {(said: string) => void} done
 */
function actions(row, done) {
  /**
   * @param {string} label
   * @param {string} path
   * @param {(answer: any) => string} said
   */
  const act = (label, path, said) => {
    /** @type {HTMLButtonElement} */
    const button = h(
      'button',
      {
        type: 'button',
        class: 'button quiet',
        on: {
          click: async () => {
            button.disabled = true;
            const text = await api('POST', path).then(
              (answer) => said(answer),
              (error) => error.message,
            );
            done(text);
            button.disabled = false;
          },
        },
      },
      label,
    );
    return h('div', { class: 'actions' }, button);
  };
  if (row.status === 'failed' || row.status === 'unknown')
    return act('Send it again', `/deliveries/${encodeURIComponent(row.id)}/resend`, () => 'It is on its way again.');
  if (row.status === 'held')
    return act('Test the server and release what is held', '/held/release', (answer) => `${answer.released} released.`);
  return null;
}
