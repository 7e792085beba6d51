// Banners: the result of an action, or a problem of the API.

/** @import { Child, Messages, Problem } from '../../types/form.js' */

import { button, h, icon } from './dom.js';

const MARKS = /** @type {const} */ ({ good: 'check', bad: 'cross', warn: 'bang' });

/**
 * A banner: the result in a line and a sentence.
 * @param {keyof typeof MARKS} kind
 * @param {Child} title
 * @param {...Child} content
 */
export function banner(kind, title, ...content) {
  return h(
    'div',
    { class: `banner ${kind}`, part: `banner banner-${kind}` },
    h('span', { class: 'mark' }, icon(MARKS[kind])),
    h('div', {}, h('h4', { tabindex: '-1' }, title), content),
  );
}

/**
 * The kinds of problems by HTTP status; 0 means no answer.
 * @type {Map<number | undefined, string>}
 */
const PROBLEMS = new Map([
  [0, 'offline'],
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [429, 'busy'],
]);

/**
 * A problem of the API: the cause and the remedy in the admin's language, the server's text, and the code. `title`
 * names the action that failed, `retry` repeats it.
 * @param {Messages} t
 * @param {Problem} error
 * @param {{ title?: string, retry?: () => void }} [options]
 */
export function problemView(t, error, { title, retry } = {}) {
  const code = error.body?.code;
  const kind = code === 'settings.conflict' ? 'conflict' : (PROBLEMS.get(error.status) ?? 'server');
  const known = code && t.has(`problem.${code}`) ? t(`problem.${code}`) : null;
  // The server's title has the same meaning in English, so only an unknown problem shows it.
  const said = known ? null : (error.body?.detail ?? (kind === 'server' ? error.body?.title : null));
  // A cause that is known to be the server's own needs no remedy of a broken service.
  const own = t.has(`problem.${code}.remedy`) ? code : kind;
  const remedy =
    kind === 'busy' && !error.retryAfter
      ? t('problem.busy.remedy.later')
      : t(`problem.${own}.remedy`, { seconds: error.retryAfter });
  const view = banner(
    'bad',
    title ?? known ?? t(`problem.${kind}`),
    h('p', { class: 'lead', dir: 'auto' }, title ? t(`problem.${kind}`) : said),
    known && kind === 'server' ? null : h('p', {}, remedy),
    retry
      ? h(
          'div',
          { class: 'actions' },
          button(t(kind === 'unauthorized' ? 'problem.unauthorized.retry' : 'form.retry'), { click: retry }),
        )
      : null,
    code ? h('p', { class: 'small muted' }, t('problem.code', { code })) : null,
  );
  view.setAttribute('role', 'alert');
  return view;
}

/**
 * Gives the headings of a part that stands in different places the level that it has there.
 * @param {ParentNode} part
 * @param {number} level
 */
export function setLevel(part, level) {
  for (const heading of part.querySelectorAll('h4, h5')) heading.setAttribute('aria-level', String(level));
}
