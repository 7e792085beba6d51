// Sends an event of each of the four categories, as the product would.

import { announce, fill, h, typed } from './dom.js';
import { api } from './session.js';

const KINDS = [
  {
    category: 'notification',
    type: 'comment.created',
    name: 'Notification',
    about: 'A new comment',
    data: {
      actor: 'Noor Visser',
      title: 'Processing of payroll data',
      excerpt: 'Could you confirm the retention period?',
    },
    path: 'treatments/42',
    thread: 'treatment-42',
  },
  {
    category: 'rights-request',
    type: 'rights-request.message',
    name: 'Rights request',
    about: 'A message to a data subject',
    data: {
      actor: 'Privacy team',
      title: 'Your access request',
      excerpt: 'We have received your request and answer within one month.',
    },
    path: 'requests/7',
    thread: 'request-7',
  },
  {
    category: 'audit-invitation',
    type: 'audit.invited',
    name: 'Audit invitation',
    about: 'A respondent is invited',
    data: {
      actor: 'Noor Visser',
      title: 'Supplier audit 2026',
      excerpt: 'Twelve questions about how you protect personal data.',
    },
    path: 'audits/3',
  },
  {
    category: 'user-invitation',
    type: 'user.invited',
    name: 'User invitation',
    about: 'A new user is invited',
    data: { actor: 'Noor Visser', title: 'the privacy workspace', excerpt: '' },
    path: 'join',
  },
];

/**
 * The panel. `sent` is called once an event has been accepted.
 * @param {HTMLElement} place
 * @param {{ tenant: string, email: string, sent: () => Promise<void> }} options
 */
export function sendPanel(place, { tenant, email, sent }) {
  const recipient = h('input', {
    id: 'recipient',
    type: 'email',
    value: email.replace(/^[^@]*/, 'jan'),
    autocomplete: 'off',
  });
  const note = h('p', { class: 'muted' });
  const fire = async (/** @type {typeof KINDS[number]} */ kind) => {
    const id = `evt_${crypto.randomUUID()}`;
    const address = recipient.value.trim();
    try {
      await api('POST', '/events', {
        id,
        tenant,
        category: kind.category,
        type: kind.type,
        recipients: [{ address, locale: typed('language') }],
        ...(kind.thread ? { thread: kind.thread } : {}),
        data: { ...kind.data, url: `https://app.example.com/${kind.path}` },
      });
      note.className = 'muted';
      fill(note, `${kind.name} to ${address}: accepted as `, h('code', {}, id.slice(0, 12)), '…');
    } catch (error) {
      note.className = 'error';
      fill(note, `${kind.name}: ${/** @type {Error} */ (error).message}`);
    }
    announce(note.textContent);
    await sent();
  };
  place.append(
    h(
      'div',
      { class: 'send' },
      h('div', { class: 'field' }, h('label', { for: 'recipient' }, 'Recipient'), recipient),
      h(
        'div',
        { class: 'kinds' },
        KINDS.map((kind) =>
          h(
            'button',
            { type: 'button', class: 'kind', 'data-category': kind.category, on: { click: () => fire(kind) } },
            h('strong', {}, kind.name),
            h('span', {}, kind.about),
          ),
        ),
      ),
      note,
    ),
  );
}
