// Labels for fixes (JSON merge patches).

/**
 * @import { Issue } from '../index.js'
 * @import { Messages, Patch } from '../../types/form.js'
 */

import { SECRETS, getPath, isObject } from './draft.js';

/**
 * The label of the button that applies the fix of an issue.
 * @param {Messages} t
 * @param {{ code: Issue['code'], fix: Patch }} issue
 */
export function fixLabel(t, { code, fix }) {
  const spaces = SECRETS.map((path) => getPath(fix, path)?.spaces).find(Boolean);
  // Neither of the two is seen: "Use mailer" would name the text that the field already seems to have.
  if (code.endsWith('.invisible_characters')) return t('spaces.invisible');
  if (spaces || code.endsWith('.whitespace')) return t(`spaces.${spaces ?? 'trim'}`);
  const value = describePatch(t, fix);
  if (value !== '') return t('issue.use', { value });
  return t(Object.values(fix).every((entry) => entry === null) ? 'issue.remove' : 'issue.fix');
}

/**
 * The issues of a field, the right fix first: where several fixes change the field (a port in the host's name, and a slip
 * in it), the last is the finest, and takes what the others change beside it.
 * @param {Issue[]} issues
 */
export function rightFirst(issues) {
  const rivals = issues.filter(({ field, fix }) => fix && field in fix);
  const last = rivals.at(-1);
  if (!last || rivals.length < 2) return issues;
  const fix = Object.assign({}, ...rivals.map((rival) => rival.fix));
  return [{ ...last, fix }, ...issues.filter((issue) => issue !== last)];
}

/**
 * The values that a patch sets, as a short text; empty when they are too long or too many.
 * @param {Messages} t
 * @param {Patch} patch
 */
export function describePatch(t, patch) {
  /** @type {Record<string, (value: unknown) => string>} */
  const say = {
    port: (port) => t('issue.port', { port }),
    security: (value) => (t.has(`security.${value}`) ? t(`security.${value}`) : String(value)),
  };
  const parts = [];
  for (const [key, value] of Object.entries(patch)) {
    if (typeof value === 'object' || String(value).length > 48) return '';
    parts.push(say[key] ? say[key](value) : String(value));
  }
  return parts.join(', ');
}

/**
 * The dotted paths that a patch changes.
 * @param {object} patch
 * @returns {string[]}
 */
export function patchedPaths(patch, prefix = '') {
  return Object.entries(patch).flatMap(([key, value]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    return isObject(value) ? patchedPaths(value, path) : [path];
  });
}
