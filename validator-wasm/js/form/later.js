// What is loaded after the status: the actions with their results, the history, the connection with a provider.

/**
 * @import { Actions, Connection } from '../results/index.js'
 * @import { Hooks, Messages, Offer } from '../../types/form.js'
 */

import { loadAgain } from '../again.js';
import { ApiError } from './api.js';
import { fill } from './dom.js';
import { problemView } from './problem.js';

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

export class Later {
  #form;
  /** @type {Actions | null} */
  #actions = null;
  /** @type {Connection | null} */
  #connection = null;
  /** Whether an action waits to be loaded. */
  #waiting = false;

  /** @param {Hooks} form */
  constructor(form) {
    this.#form = form;
  }

  get loaded() {
    return this.#connection !== null;
  }

  get running() {
    return this.#actions?.running === true;
  }

  get busy() {
    return this.#waiting || this.running;
  }

  stop() {
    this.#actions?.stop();
  }

  /** Draws the connection as it stands now. */
  draw() {
    this.#connection?.draw(this.#form.view.context);
  }

  /** Draws the result of the last action into a form that was rebuilt. */
  drawResult() {
    this.#actions?.draw();
  }

  async results() {
    const results = await loadResults(this.#form.root, this.#form.t);
    this.#connection ??= new results.Connection();
    this.draw();
    return results;
  }

  /** Loads what an admin needs next while the form is read. */
  prefetch() {
    if (!this.#form.built || !this.#form.current.settled) return;
    (globalThis.requestIdleCallback ?? setTimeout)(() => this.results().catch(() => {}));
  }

  /**
   * Does something with the actions, once they are loaded.
   * @param {(actions: Actions) => unknown} use
   */
  async act(use) {
    const form = this.#form;
    this.#waiting = true;
    form.enable();
    try {
      const { Actions } = await this.results();
      this.#actions ??= new Actions(form);
    } catch (error) {
      return fill(form.view.outcome, problemView(form.t, ApiError.of(error), { retry: () => this.act(use) }));
    } finally {
      this.#waiting = false;
      form.enable();
    }
    await use(this.#actions);
  }

  /**
   * Connects a mailbox; at once where it can be, because a browser opens no window for a click of long ago.
   * @param {Offer} offer
   */
  async connect(offer) {
    if (!this.#connection) await this.results();
    this.#connection?.begin(offer);
  }
}
