// The mail that the two embedded relays have caught.

import { fill, h, time } from './dom.js';
import { readableText } from './mime.js';

/**
 * A mail that a relay has caught.
 * @typedef {object} Mail
 * @property {string} id
 * @property {string} relay
 * @property {Record<string, string>} headers
 * @property {{ from: string, to: string | string[] }} envelope
 */

/** @type {Record<string, string>} */
const RELAYS = { platform: 'Platform', customer: 'Customer' };
const PAGE = 50;

/**
 * Shows the caught mail in this element, kept up to date by the server while the tab is shown.
 * @param {HTMLElement} place
 */
export function caughtMail(place) {
  const list = h('ul', { class: 'list' });
  const note = h('p', { class: 'empty' });
  const older = h('button', { type: 'button', class: 'button quiet', on: { click: () => more() } }, 'Older mail');
  /** @type {Map<string, HTMLElement>} */
  const shown = new Map();
  /** @type {Mail[]} */
  let mails = [];
  /** @type {string | null} */
  let next = null;
  let wanted = PAGE;
  place.append(list, note, older);

  /**
   * A page of the caught mail, the newest first.
   * @param {string} [before]
   * @returns {Promise<{ mail: Mail[], next: string | null }>}
   */
  async function page(before) {
    const response = await fetch(`/dev/mail?limit=${PAGE}${before ? `&before=${before}` : ''}`);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response.json();
  }

  async function refresh() {
    const newest = await page();
    const oldest = newest.mail.at(-1)?.id;
    const known = mails.findIndex(({ id }) => id === oldest);
    // Older pages stay that were asked for, unless so many mails are new that some between are missing.
    if (known < 0) next = newest.next;
    mails = known < 0 ? newest.mail : [...newest.mail, ...mails.slice(known + 1)];
    if (mails.length > wanted) {
      mails = mails.slice(0, wanted);
      next = mails[wanted - 1].id;
    }
    show();
  }

  async function more() {
    if (next === null) return;
    const following = await page(next);
    wanted += PAGE;
    mails = [...mails, ...following.mail];
    next = following.next;
    show();
  }

  function show() {
    list.replaceChildren(...mails.map((entry) => draw(entry)));
    const ids = new Set(mails.map(({ id }) => id));
    for (const id of shown.keys()) if (!ids.has(id)) shown.delete(id);
    note.textContent = 'No mail yet.';
    note.hidden = mails.length > 0;
    older.hidden = next === null;
  }

  /** @type {EventSource | undefined} */
  let events;
  /** A hidden tab has no connection: a browser has six for all tabs of this page. */
  function follow() {
    events?.close();
    events = undefined;
    if (document.hidden) return;
    events = new EventSource('/dev/mail/events');
    events.addEventListener('message', () => refresh().catch(() => {}));
  }
  document.addEventListener('visibilitychange', follow);
  show();
  follow();

  /** @param {Mail} entry */
  function draw(entry) {
    const known = shown.get(entry.id);
    if (known) return known;
    const header = (/** @type {string} */ name) =>
      Object.entries(entry.headers).find(([key]) => key.toLowerCase() === name)?.[1] ?? '';
    const body = h('div', { class: 'opened' });
    /** @type {HTMLDetailsElement} */
    const details = h(
      'details',
      {
        class: 'row',
        'data-relay': entry.relay,
        on: {
          toggle: () => {
            if (details.open && !body.firstChild) open(entry, header, body);
          },
        },
      },
      h(
        'summary',
        {},
        h('span', { class: `relay ${entry.relay}` }, RELAYS[entry.relay] ?? entry.relay),
        h('span', { class: 'what' }, header('subject') || '(no subject)'),
        h('span', { class: 'to' }, `${header('from')} → ${[entry.envelope.to].flat().join(', ')}`),
        h('span', { class: 'when' }, time(header('date'))),
      ),
      body,
    );
    const item = h('li', {}, details);
    shown.set(entry.id, item);
    return item;
  }
}

/**
 * @param {Mail} entry
 * @param {(name: string) => string} header
 * @param {HTMLElement} body
 */
async function open(entry, header, body) {
  const raw = await fetch(`/dev/mail/${encodeURIComponent(entry.id)}`).then((response) => response.arrayBuffer());
  const bytes = new Uint8Array(raw);
  const text = readableText(bytes);
  const source = new TextDecoder('utf-8').decode(bytes);
  const fields = [
    ['From', header('from')],
    ['To', header('to')],
    ['Reply-To', header('reply-to')],
    ['Message-ID', header('message-id')],
    ['MAIL FROM', entry.envelope.from],
  ];
  /** @type {HTMLButtonElement} */
  const toggle = h(
    'button',
    {
      type: 'button',
      class: 'button quiet',
      'aria-pressed': 'false',
      on: {
        click: () => {
          const asSource = toggle.getAttribute('aria-pressed') === 'false';
          toggle.setAttribute('aria-pressed', String(asSource));
          show(asSource);
        },
      },
    },
    'Source',
  );
  const pre = h('pre', { tabindex: '0' });
  const show = (/** @type {boolean} */ asSource) => {
    pre.className = asSource ? '' : 'text';
    pre.textContent = asSource ? source : text;
  };
  show(false);
  fill(
    body,
    h(
      'dl',
      {},
      fields.filter(([, value]) => value).map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
    ),
    pre,
    h('div', {}, toggle),
  );
}
