// The calls of one element, and what the end of the session has interrupted.

/** @import { Answer, CallOptions } from '../../types/form.js' */

import { Api, ApiError } from './api.js';

export class Session {
  #element;
  /**
   * What goes on after the product has signed in again, by its kind.
   * @type {Map<string, () => unknown>}
   */
  #interrupted = new Map();

  /** @param {HTMLElement & { api: string, getToken: (() => Promise<string | null | undefined>) | null }} element */
  constructor(element) {
    this.#element = element;
  }

  get interrupted() {
    return this.#interrupted.size > 0;
  }

  /**
   * Calls the API. When the session has ended, the page hears of it, and `again` goes on after the next sign-in.
   * @param {string} locale
   * @param {string} method
   * @param {string} path
   * @param {CallOptions} more
   * @param {() => unknown} again
   * @returns {Promise<Answer>}
   */
  async call(locale, method, path, more, again) {
    const { api, getToken } = this.#element;
    const kind = method + path.split('?')[0];
    this.#interrupted.delete(kind);
    try {
      return await new Api(api, getToken, locale).call(method, path, more);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        this.#interrupted.set(kind, again);
        const detail = { retry: () => this.goOn() };
        // First the element shows it: a page may answer the event at once.
        setTimeout(() =>
          this.#element.dispatchEvent(new CustomEvent('smtp-unauthorized', { bubbles: true, composed: true, detail })),
        );
      }
      throw error;
    }
  }

  /** Goes on with all that was interrupted. */
  async goOn() {
    const interrupted = [...this.#interrupted.values()];
    this.#interrupted.clear();
    for (const again of interrupted) await again();
  }

  /** Forgets what was interrupted: it belonged to another API. */
  forget() {
    this.#interrupted.clear();
  }
}
