// The report on a mail: the verdict, sender and server beside the settings, SPF, DKIM and DMARC, what was found, and the
// mail's way from server to server.

/**
 * @import { Hop, InspectFinding, InspectReport } from '../objects/index.js'
 * @import { Child, Messages } from '../../types/form.js'
 * @import { Expectation } from '../../types/inspect.js'
 */

import { h, icon } from '../form/dom.js';
import { facts, sentence } from '../form/parts.js';
import { banner } from '../form/problem.js';

/** What is not read as a mail has nothing but this to say. */
const UNREAD = ['inspect.too_large', 'inspect.not_a_mail'];

/**
 * @param {Messages} t
 * @param {InspectReport} report
 * @param {Expectation} expected
 */
export function reportView(t, report, expected) {
  const { findings } = report;
  const [first] = findings;
  if (first && UNREAD.includes(first.code))
    return banner('bad', first.message, h('p', {}, first.remedy), codeLine(t, first));
  return [
    verdict(t, report),
    expected.note ? h('p', { class: 'muted' }, t(`note.${expected.note}`)) : null,
    findings.length > 0
      ? h(
          'ul',
          { class: 'findings', part: 'findings' },
          findings.map((one) => found(t, one)),
        )
      : null,
    facts(checks(t, report, expected)),
    way(t, report),
  ];
}

/**
 * @param {Messages} t
 * @param {InspectReport} report
 */
function verdict(t, { findings, viaRelay }) {
  const severity = findings[0]?.severity;
  if (severity === 'error') return banner('bad', t('verdict.error'));
  if (severity === 'warning') return banner('warn', t('verdict.warning'));
  return banner('good', t(viaRelay === 'yes' ? 'verdict.good' : 'verdict.good.plain'));
}

/**
 * @param {Messages} t
 * @param {InspectFinding} finding
 */
function found(t, finding) {
  const { severity, message, remedy } = finding;
  return h(
    'li',
    { class: severity === 'error' ? 'bad' : 'warn', part: `finding finding-${severity}`, 'data-code': finding.code },
    icon(severity === 'error' ? 'alert' : 'warning'),
    h(
      'div',
      {},
      h('p', {}, h('span', { class: 'sr' }, `${t(`severity.${severity}`)}: `), h('strong', { dir: 'auto' }, message)),
      h('p', { dir: 'auto' }, remedy),
      codeLine(t, finding),
    ),
  );
}

/**
 * @param {Messages} t
 * @param {InspectFinding} finding
 */
const codeLine = (t, { code }) => h('p', { class: 'small muted' }, t('code', { code }));

/**
 * @param {string} tone
 * @param {Child} content
 */
const chip = (tone, content) => h('span', { class: `chip ${tone}` }, content);

/**
 * The mail beside the settings, and the results of the receiver.
 * @param {Messages} t
 * @param {InspectReport} report
 * @param {Expectation} expected
 * @returns {[string, Child][]}
 */
function checks(t, report, { host }) {
  const { matches, from, senderMatches, viaRelay, authentication } = report;
  /** @type {(name: string, yes: boolean | null) => Child} */
  const whether = (name, yes) => (yes === null ? null : chip(yes ? 'good' : 'bad', t(`${name}.${yes ? 'yes' : 'no'}`)));
  const tones = { yes: 'good', no: 'bad', unknown: 'warn' };
  /** @type {[string, Child][]} */
  const rows = [
    [t('fact.mail'), whether('mail', matches)],
    [t('fact.sender'), from ? h('span', {}, value(from), ' ', whether('sender', senderMatches)) : null],
    [t('fact.server'), host ? h('span', {}, value(host), ' ', chip(tones[viaRelay], t(`server.${viaRelay}`))) : null],
  ];
  if (!authentication) return rows;
  for (const name of /** @type {const} */ (['spf', 'dkim', 'dmarc']))
    rows.push([name.toUpperCase(), h('span', {}, t(`${name}.text`), ' ', result(t, authentication[name]))]);
  if (authentication.by) rows.push(['', h('span', { class: 'muted small' }, t('found', { by: authentication.by }))]);
  return rows;
}

/** @param {string} text */
const value = (text) => h('span', { dir: 'ltr' }, text);

/** @type {Record<string, string>} */
const TONES = { pass: 'good', fail: 'bad', hardfail: 'bad', permerror: 'bad', softfail: 'bad' };

/**
 * A result in the terms of RFC 8601, with its meaning where there are words for it.
 * @param {Messages} t
 * @param {string | null} result
 */
function result(t, result) {
  if (result === null) return chip('warn', t('result.absent'));
  const known = t.has(`result.${result}`);
  return chip(TONES[result] ?? 'warn', known ? [t(`result.${result}`), ` (${result})`] : result);
}

/**
 * The hops, the oldest first.
 * @param {Messages} t
 * @param {InspectReport} report
 */
function way(t, { hops, relayHop, viaRelay, findings }) {
  if (hops.length === 0) return null;
  const text = (/** @type {string | null} */ name) => name ?? '–';
  /** Whether something was found at this hop: the params of a finding name it. */
  const isFound = (/** @type {string} */ code, /** @type {Record<string, string>} */ wanted) =>
    findings.some(
      ({ code: found, params }) => found === code && Object.keys(wanted).every((key) => params[key] === wanted[key]),
    );
  const at = new Intl.DateTimeFormat(t.locale, { dateStyle: 'medium', timeStyle: 'medium' });
  return [
    h('h5', {}, t('hops')),
    h(
      'ol',
      { class: 'story', part: 'hops' },
      hops.map((hop, number) => {
        const { from, by, tls, delaySeconds } = hop;
        const minutes = String(Math.floor((delaySeconds ?? 0) / 60));
        const shows = number === relayHop ? viaRelay : null;
        const late = isFound('inspect.delay', { by: text(by), minutes });
        const open = tls === false && isFound('inspect.hop_without_tls', { by: text(by), from: text(from) });
        return h(
          'li',
          { class: shows === 'no' ? 'bad' : late || open ? 'warn' : shows ? 'good' : '', part: 'hop' },
          h(
            'p',
            {},
            by ? h('strong', { dir: 'ltr' }, by) : h('span', { class: 'muted' }, t('hops.unnamed')),
            shows === 'yes' ? [' ', chip('good', t('hops.relay'))] : null,
          ),
          from ? h('p', { class: 'muted' }, sentence(t, 'hops.from', 'from', value(from))) : null,
          h(
            'p',
            { class: 'marks' },
            tls === null ? null : encryption(t, hop, open),
            hop.with ? h('code', { dir: 'ltr' }, hop.with) : null,
          ),
          hop.at
            ? h(
                'p',
                { class: 'muted small' },
                h('time', { datetime: hop.at }, at.format(new Date(hop.at))),
                delaySeconds === null
                  ? null
                  : [' · ', h('span', { class: late ? 'late' : null }, delay(t, delaySeconds))],
              )
            : null,
        );
      }),
    ),
  ];
}

/**
 * @param {Messages} t
 * @param {Hop} hop
 * @param {boolean} open
 */
function encryption(t, { tls, tlsVersion }, open) {
  if (!tls) return chip(open ? 'warn' : '', t('hops.plain'));
  const version = tlsVersion?.replace('TLSv', 'TLS ');
  return chip('good', [icon('lock'), t('hops.tls'), version ? ` · ${version}` : null]);
}

/**
 * The time since the hop before. Below zero the clocks of the two servers differ.
 * @param {Messages} t
 * @param {number} seconds
 */
function delay(t, seconds) {
  const length = Math.abs(seconds);
  /** @type {[number, string]} */
  const [size, unit] = length < 120 ? [1, 'second'] : length < 7200 ? [60, 'minute'] : [3600, 'hour'];
  const format = new Intl.NumberFormat(t.locale, { style: 'unit', unit, maximumFractionDigits: 0 });
  return t(seconds < 0 ? 'hops.clocks' : 'hops.after', { time: format.format(length / size) });
}
