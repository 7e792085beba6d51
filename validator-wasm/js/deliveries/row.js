// A row of the ledger: its line in the list, and its timeline from the event to the present state.

/**
 * @import { Child, Messages } from '../../types/form.js'
 * @import { Delivery, Looks, RowActs } from '../../types/deliveries.js'
 * @import { InspectAbout } from '../../types/inspect.js'
 */

import { button, h, icon } from '../form/dom.js';
import { sentence } from '../form/parts.js';
import { inspectDisclosure } from '../inspect/disclosure.js';

/** @type {Record<string, string>} */
const TONES = { sent: 'good', failed: 'bad', deferred: 'warn', held: 'warn', unknown: 'warn' };
const RESENDABLE = ['failed', 'unknown'];
const CANCELLABLE = ['queued', 'deferred', 'held'];

/** @param {Delivery} row */
export const canResend = ({ status }) => RESENDABLE.includes(status);
/** @param {Delivery} row */
export const canCancel = ({ status }) => CANCELLABLE.includes(status);

/**
 * Whether its recipient may have got it, and so has its source.
 * @param {Delivery} row
 */
const mayHaveArrived = ({ status, attempts }) =>
  status === 'sent' || status === 'unknown' || (attempts ?? []).some(({ outcome }) => outcome === 'accepted');

/**
 * All that a row opens to: its timeline, and a look into the received mail.
 * @param {Messages} t
 * @param {Delivery} row
 * @param {RowActs | null} act what a person may do; null where nothing may be changed
 * @param {Looks} looks
 */
export function mailView(t, row, act, { announce, kept, expected }) {
  const { messageId } = row;
  if (!mayHaveArrived(row)) return timeline(t, row, act);
  /** @type {InspectAbout} */
  const about = { t, announce, level: 3, messageId, kept: kept(row), expected: (again) => expected(row, again) };
  return [timeline(t, row, act), inspectDisclosure(about)];
}

/**
 * A name of the API in the reader's language; one that is unknown stays as it is.
 * @param {Messages} t
 * @param {string} group
 * @param {string} name
 */
export const named = (t, group, name) => (t.has(`${group}.${name}`) ? t(`${group}.${name}`) : name);

/**
 * The line of a row.
 * @param {Messages} t
 * @param {Delivery} row
 */
export function summaryLine(t, row) {
  return [
    h(
      'span',
      { class: `state ${TONES[row.status] ?? ''}`, part: `state state-${row.status}` },
      named(t, 'state', row.status),
    ),
    h('span', { class: 'to', dir: 'ltr' }, row.recipient),
    h(
      'span',
      { class: 'kind' },
      [named(t, 'category', row.category), row.route && named(t, 'routing.via', row.route)].filter(Boolean).join(' · '),
    ),
    h('time', { datetime: row.queuedAt }, t.dateTime(row.queuedAt)),
  ];
}

/** @param {string} text that keeps its direction */
const code = (text) => h('code', { dir: 'ltr' }, text);

/**
 * The timeline of a row. Texts that only the server has are English, and are marked as that.
 * @param {Messages} t
 * @param {Delivery} row
 * @param {RowActs | null} act
 */
function timeline(t, row, act) {
  const { status } = row;
  return h(
    'ol',
    { class: 'story', part: 'timeline' },
    step('', t('story.triggered'), t.dateTime(row.queuedAt), [
      h('p', { class: 'muted' }, sentence(t, 'story.event', 'event', code(row.event)), ' · ', code(row.type)),
    ]),
    row.route
      ? step('', named(t, 'routing.via', row.route), '', [
          row.revision
            ? h('p', { class: 'muted' }, sentence(t, 'story.revision', 'revision', code(row.revision.slice(0, 8))))
            : null,
        ])
      : null,
    (row.attempts ?? []).map((attempt) => {
      const good = attempt.outcome === 'accepted';
      const title = good ? t('story.accepted') : t('story.stopped', { stage: named(t, 'stage', attempt.stage) });
      const when = [t.dateTime(attempt.at), t('story.after', { time: t.duration(attempt.ms) })].join(' · ');
      return step(good ? 'good' : 'bad', title, when, [
        good ? null : meaning(t, row, attempt.outcome),
        attempt.smtp ? reply(t, attempt.smtp) : null,
      ]);
    }),
    step(TONES[status] ?? '', named(t, 'state', status), t.dateTime(row.updatedAt), [
      t.has(`meaning.${status}`) ? h('p', {}, t(`meaning.${status}`)) : null,
      row.nextAttemptAt ? h('p', {}, t('story.next', { time: t.dateTime(row.nextAttemptAt) })) : null,
      row.reason ? h('p', { class: 'muted', lang: 'en', dir: 'auto' }, row.reason) : null,
      h('p', { class: 'muted small' }, `${t('story.messageId')} `, code(row.messageId)),
      act ? actions(t, row, act) : null,
    ]),
  );
}

/**
 * What a failure code means, and the code; a code that is not known stands alone.
 * @param {Messages} t
 * @param {Delivery} row
 * @param {string} outcome
 */
function meaning(t, { recipient }, outcome) {
  const key = `outcome.${outcome}`;
  return [t.has(key) ? h('p', {}, t(key, { recipient })) : null, h('p', { class: 'muted small' }, code(outcome))];
}

/**
 * @param {string} tone
 * @param {Child} title
 * @param {string} when
 * @param {Child} content
 */
function step(tone, title, when, content) {
  return h('li', { class: tone }, h('p', {}, h('strong', {}, title), when ? ` ${when}` : null), content);
}

/**
 * @param {Messages} t
 * @param {NonNullable<Delivery['attempts'][number]['smtp']>} smtp
 */
function reply(t, { code, enhanced, text }) {
  const said = [code, enhanced, text].filter(Boolean).join(' ');
  return h('pre', { dir: 'ltr', tabindex: '0', role: 'group', 'aria-label': t('story.reply') }, said);
}

/**
 * @param {Messages} t
 * @param {Delivery} row
 * @param {RowActs} act
 */
function actions(t, row, act) {
  /**
   * @param {string} name
   * @param {() => void} click
   */
  const one = (name, click) => button(t(name), { look: 'quiet small', part: `button ${name}-button`, click });
  return h(
    'div',
    { class: 'actions' },
    canResend(row) ? one('resend', () => act.resend([row])) : null,
    canCancel(row) ? one('cancel', () => act.cancel([row])) : null,
    row.status === 'held' ? one('release', act.release) : null,
  );
}

/** The mark of an open row. */
export const marker = () => icon('chevron');
