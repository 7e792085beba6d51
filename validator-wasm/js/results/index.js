// The part of the form that is loaded after its status: the actions with their results, and the history.

/** @import { Messages } from '../../types/form.js' */

import { loadAgain } from '../again.js';
import { adopt } from '../form/style.js';
import css from './css.js';
import { LOADERS } from './lists.js';

export { Actions } from './actions.js';
export { Connection } from './connect.js';
export { historyView } from './history.js';

/**
 * Gives the element its styles and `t` its messages.
 * @param {ShadowRoot} root
 * @param {Messages} t
 */
export async function prepare(root, t) {
  const { default: messages } = await loadAgain(LOADERS[t.locale]);
  t.add(messages);
  adopt(root, css);
}
