// The result of a test: the failure with its remedy, or how to check that the mail arrived; certificate, deliverability
// and transcript in disclosures.

/**
 * @import { Deliverability, Speaker, TestFailure, TestMessage, TestReport, TranscriptLine } from '../index.js'
 * @import { Child, FormContext } from '../../types/form.js'
 * @import { InspectAbout } from '../../types/inspect.js'
 */

import { inspectDisclosure } from '../inspect/disclosure.js';
import { button, disclosure, h, icon } from '../form/dom.js';
import { describePatch } from '../form/fixes.js';
import { copyButton, copyable, facts } from '../form/parts.js';
import { banner } from '../form/problem.js';

/**
 * The failure: the stage, the server's reply, the remedy, and the fix that the server has proven. `lang` is the
 * language of the test's texts; the form may have changed to another since.
 * @param {FormContext} form
 * @param {TestFailure} failure
 * @param {string} note
 * @param {string} lang
 */
export function failureView(form, failure, note, lang) {
  const { t } = form;
  const { smtp, fix } = failure;
  const field = failure.field ? form.labelOf(failure.field) : null;
  const reply = smtp
    ? h(
        'figure',
        { class: 'reply', part: 'reply' },
        h('figcaption', {}, t('result.reply')),
        h(
          'pre',
          { dir: 'ltr', tabindex: '0', 'aria-label': t('result.reply') },
          [smtp.code, smtp.enhanced, smtp.text]
            .filter((part) => part !== null && part !== undefined && part !== '')
            .join(' '),
        ),
      )
    : h('p', { class: 'muted' }, t('result.reply.silent'));
  return banner(
    'bad',
    t('result.failed', { stage: t(`stage.${failure.stage}`) }),
    h('p', { class: 'lead', dir: 'auto', lang }, failure.message),
    reply,
    failure.remedy ? [h('h5', {}, t('result.remedy')), h('p', { dir: 'auto', lang }, failure.remedy)] : null,
    fix
      ? h(
          'div',
          { class: 'proven', part: 'proven' },
          h('p', {}, icon('check'), t('result.proven')),
          button(t('result.proven.apply', { value: describePatch(t, fix) }), {
            look: 'primary',
            click: () => form.applyProven(fix),
          }),
        )
      : null,
    h(
      'div',
      { class: 'actions' },
      field
        ? button(t('result.field', { label: field }), { look: 'plain', click: () => form.focusField(failure.field) })
        : null,
    ),
    h('p', { class: 'small muted' }, note ? `${note} ` : '', t('problem.code', { code: failure.code })),
  );
}

/**
 * The test mail, and how to check that it arrived as it should: by the server and as the sender of the settings that
 * were tested.
 * @param {FormContext} form
 * @param {TestMessage} message
 * @param {{ sender: string, host: string, kept: InspectAbout['kept'] }} tested
 */
export function arrivalView(form, message, { sender, host, kept }) {
  const { t, announce } = form;
  const messageId = message.messageId.replace(/^<|>$/g, '');
  return h(
    'section',
    { class: 'card arrival', part: 'arrival', 'aria-labelledby': 'arrival-title' },
    h('h4', { id: 'arrival-title' }, icon('mail'), t('arrival.title')),
    h('p', {}, t('arrival.text')),
    facts([
      [t('arrival.to'), h('span', { dir: 'ltr' }, message.recipient)],
      [t('arrival.from'), h('span', { dir: 'ltr' }, sender)],
      [t('arrival.id'), copyable(form, messageId)],
      [t('arrival.reply'), message.reply ? h('code', { dir: 'ltr' }, message.reply) : null],
    ]),
    inspectDisclosure({ t, announce, level: 5, messageId, kept, expected: async () => ({ sender, host }) }),
    disclosure(t('arrival.missing'), { class: 'missing' }, h('p', {}, t('arrival.missing.text'))),
  );
}

/**
 * SPF, DKIM and DMARC in DNS, and the advice.
 * @param {FormContext} form
 * @param {Deliverability | null} deliverability
 * @param {string} lang
 */
export function deliverabilityView(form, deliverability, lang) {
  if (!deliverability) return null;
  const { t } = form;
  const advice = deliverability.advice ?? [];
  const names = /** @type {const} */ (['spf', 'dkim', 'dmarc']);
  const checks = names
    .filter((name) => deliverability[name])
    .map((name) => {
      const { result, record } = deliverability[name];
      const known = t.has(`deliverability.result.${result}`) ? result : 'unknown';
      const word = t(`deliverability.result.${known}`);
      /** @type {[string, Child]} */
      const row = [
        name.toUpperCase(),
        h('span', {}, h('span', { class: 'chip' }, word), record ? h('code', { dir: 'ltr' }, record) : null),
      ];
      return row;
    });
  if (checks.length === 0 && advice.length === 0) return null;
  // What nobody has seen does not look right.
  const complete = names.every((name) => (deliverability[name]?.result ?? 'unknown') !== 'unknown');
  return disclosure(
    t('deliverability.title'),
    { class: 'card', open: advice.length > 0 },
    advice.length === 0
      ? h('p', {}, t(complete ? 'deliverability.good' : 'deliverability.partly'))
      : h(
          'ul',
          { class: 'advice' },
          advice.map((line) => h('li', { dir: 'auto', lang }, line)),
        ),
    facts(checks),
  );
}

/**
 * TLS version, cipher, certificate, and what the server offers.
 * @param {FormContext} form
 * @param {TestReport} report
 */
export function tlsView(form, report) {
  const { tls, capabilities } = report;
  if (!tls) return null;
  const { t } = form;
  const { certificate } = tls;
  const days = Math.floor((Date.parse(certificate?.notAfter ?? '') - Date.now()) / 86_400_000);
  const code = (/** @type {string | null | undefined} */ text) => (text ? h('code', { dir: 'ltr' }, text) : null);
  const chips = (/** @type {string[] | null | undefined} */ list) =>
    list?.length
      ? h(
          'span',
          { class: 'chips', dir: 'ltr' },
          list.map((line) => h('code', { class: 'chip' }, line)),
        )
      : null;
  return disclosure(
    t('tls.title'),
    { class: 'card' },
    facts([
      [t('tls.version'), code(tls.version)],
      [t('tls.cipher'), code(tls.cipher)],
      [t('tls.subject'), code(certificate?.subject)],
      [t('tls.issuer'), code(certificate?.issuer)],
      [t('tls.names'), chips(certificate?.names)],
      [
        t('tls.valid'),
        certificate?.notAfter
          ? h(
              'span',
              {},
              t('tls.valid.range', { from: t.date(certificate.notBefore), to: t.date(certificate.notAfter) }),
              days >= 0 && days < 30 ? h('strong', { class: 'chip warning' }, t('tls.expires', { days })) : null,
            )
          : null,
      ],
      [t('tls.sha256'), code(certificate?.sha256)],
      [t('capabilities.before'), chips(capabilities?.beforeTls)],
      [t('capabilities.after'), chips(capabilities?.afterTls)],
    ]),
  );
}

/**
 * Every line of the session; the server has removed the secrets.
 * @param {FormContext} form
 * @param {TranscriptLine[] | null} transcript
 */
export function transcriptView(form, transcript) {
  if (!transcript?.length) return null;
  const { t } = form;
  const text = transcript
    .map(({ ms, from, line }) => `${String(ms).padStart(8)} ${from === 'server' ? 'S' : 'C'} ${line}`)
    .join('\n');
  const who = (/** @type {Speaker} */ from) => t(`transcript.${from}`);
  return disclosure(
    t('transcript.title'),
    { class: 'card transcript', part: 'disclosure transcript' },
    h('div', { class: 'transcript-head' }, h('p', { class: 'muted' }, t('transcript.text')), copyButton(form, text)),
    h(
      'div',
      { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': t('transcript.title') },
      h(
        'table',
        { dir: 'ltr' },
        h(
          'thead',
          { class: 'sr' },
          h(
            'tr',
            {},
            ['time', 'who', 'line'].map((key) => h('th', { scope: 'col' }, t(`transcript.${key}`))),
          ),
        ),
        h(
          'tbody',
          {},
          transcript.map(({ ms, from, line }) =>
            h(
              'tr',
              { 'data-from': from },
              h('td', { class: 'ms' }, Number.isFinite(ms) ? ms.toFixed(1) : ''),
              h('td', { class: 'who' }, who(from)),
              h('td', {}, h('code', {}, line)),
            ),
          ),
        ),
      ),
    ),
  );
}
