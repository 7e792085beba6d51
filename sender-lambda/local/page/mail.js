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
const AT_MOST = 50;

/**
 * Shows the caught mail in this element; `refresh` loads it again.
 * @param {HTMLElement} place
 */
export function caughtMail(place) {
  const list = h('ul', { class: 'list' });
  const note = h('p', { class: 'empty' });
  /** @type {Map<string, HTMLElement>} */
  const shown = new Map();
  place.append(list, note);

  async function refresh() {
    /** @type {{ mail: Mail[] }} */
    const { mail } = await fetch('/dev/mail').then((response) => response.json());
    list.replaceChildren(...mail.slice(0, AT_MOST).map((entry) => draw(entry)));
    note.textContent =
      mail.length === 0 ? 'No mail yet.' : mail.length > AT_MOST ? `The newest ${AT_MOST} of ${mail.length}.` : '';
    note.hidden = note.textContent === '';
  }

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
  return { refresh };
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
