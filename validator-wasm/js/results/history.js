// The history of the settings: who changed what, and how it ended.

/** @import { Messages } from '../../types/form.js' */

import { h } from '../form/dom.js';

/**
 * The changes, newest first, as `GET /smtp/history` gives them.
 * @param {Messages} t
 * @param {{ at: string, by?: { email?: string, sub?: string }, action: string, ended: string, code?: string | null,
 *   host?: string | null, changed?: string[] }[]} changes
 */
export function historyView(t, changes) {
  if (!changes.length) return h('p', { class: 'muted' }, t('history.none'));
  return h(
    'ol',
    { class: 'changes', part: 'history-list' },
    changes.map(({ at, by, action, ended, code, host, changed }) =>
      h(
        'li',
        { 'data-ended': ended },
        h(
          'p',
          {},
          h('strong', {}, t.has(`history.${action}`) ? t(`history.${action}`) : action),
          host ? [' ', h('span', { dir: 'ltr' }, host)] : null,
          ended === 'done' ? null : h('span', { class: 'chip warning' }, outcome(t, ended, code)),
        ),
        h('p', { class: 'muted' }, [t.dateTime(at), by?.email ?? by?.sub ?? t('history.nobody')].join(' · ')),
        changed?.length
          ? h(
              'p',
              { class: 'muted' },
              t('history.changed', { fields: changed.map((field) => name(t, field)).join(', ') }),
            )
          : null,
      ),
    ),
  );
}

/**
 * @param {Messages} t
 * @param {string} ended
 * @param {string | null} [code]
 */
function outcome(t, ended, code) {
  const text = t.has(`history.${ended}`) ? t(`history.${ended}`) : ended;
  return code ? `${text} (${code})` : text;
}

/**
 * The name of a changed field, or of the part of the form that it is in.
 * @param {Messages} t
 * @param {string} field
 */
function name(t, field) {
  for (const key of [`${field}.label`, `section.${field}`]) if (t.has(key)) return t(key);
  return field === 'oauth2' ? t('authMethod.oauth2') : field;
}
