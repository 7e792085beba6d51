// What is loaded after the status: the actions with their results, and the history.

/** @import { Messages } from '../../types/form.js' */

import { loadAgain } from './again.js';
import { ApiError } from './api.js';

/**
 * Loads it, gives the element its styles and `t` its messages. A failure is an answer that did not come; the next call
 * tries again.
 * @param {ShadowRoot} root
 * @param {Messages} t
 */
export async function loadResults(root, t) {
  try {
    const results = await loadAgain(() => import('../results/index.js'));
    await results.prepare(root, t);
    return results;
  } catch {
    throw new ApiError(0, null);
  }
}
