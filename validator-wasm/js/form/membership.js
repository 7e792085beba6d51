// The element's part in the page's own form.

/**
 * @import { Issue, SmtpSettings } from '../index.js'
 * @import { Hooks } from '../../types/form.js'
 */

export class Membership {
  /** A test's document without one (happy-dom) has none of it. */
  internals;
  #element;

  /** @param {HTMLElement & { name: string | null }} element */
  constructor(element) {
    this.#element = element;
    this.internals = /** @type {ElementInternals} */ (element.attachInternals?.() ?? {});
  }

  /**
   * Holds the settings for the form's data and for the browser. Neither gets a secret.
   * @param {SmtpSettings} settings
   */
  hold(settings) {
    const state = JSON.stringify(settings);
    this.internals.setFormValue?.(this.#element.name ? state : null, state);
  }

  /**
   * The page's own form waits for valid settings only where it asks for them: with `required`, or with `name` once
   * something was filled in.
   * @param {Issue[]} issues
   * @param {Hooks} form
   */
  judge(issues, { editing, view }) {
    const asked = this.#element.hasAttribute('required') || (this.#element.name && editing.filled);
    const first = asked && issues.find(({ severity }) => severity === 'error');
    if (!first) return this.internals.setValidity?.({});
    const place = editing.controls.nearest(first.field)?.targets()[0];
    this.internals.setValidity?.({ customError: true }, first.message, place ?? view.activate);
  }
}
