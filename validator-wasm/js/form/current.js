// What is in use: the form asks the API for it, shows it on top, and below it the fields while they are to be changed.

/** @import { Active, Hooks, Problem } from '../../types/form.js' */

import { askActive } from './active.js';
import { fill, h } from './dom.js';
import { toDraft } from './draft.js';
import { problemView } from './problem.js';
import { statusView } from './status.js';

export class Current {
  /**
   * Undefined while it is not known.
   * @type {Active | undefined}
   */
  active = undefined;
  /** Whether the admin has asked to change the active settings: until then the form shows a summary of them. */
  changing = false;
  /** Whether an answer is awaited. */
  asking = false;
  /** @type {Problem | null} */
  #problem = null;
  #loads = 0;
  #form;

  /** @param {Hooks} form */
  constructor(form) {
    this.#form = form;
  }

  /** Whether it is known, or why it is not. */
  get settled() {
    return this.active !== undefined || this.#problem !== null;
  }

  /** Another API has other settings. */
  forget() {
    this.active = undefined;
    this.#problem = null;
    this.asking = false;
    this.#loads++;
  }

  async load() {
    const load = ++this.#loads;
    this.asking = true;
    const { editing, later, call } = this.#form;
    try {
      const active = await askActive((method, path) => call(method, path, {}, () => this.load()));
      if (load !== this.#loads) return;
      const known = active.settings ?? this.active?.settings;
      this.active = active;
      this.#problem = null;
      // The admin may have begun to type while the settings were loaded.
      if (known && !editing.filled) editing.replace(toDraft(active.settings));
    } catch (error) {
      if (load !== this.#loads) return;
      this.#problem = /** @type {Problem} */ (error);
    }
    this.asking = false;
    this.show();
    later.prefetch();
  }

  show() {
    const { built, editing, later } = this.#form;
    if (!built) return;
    const { t, root, view } = this.#form;
    const { status, editor, discard, context } = view;
    const active = root.activeElement;
    const focused = active && status.contains(active) ? active.getAttribute('part') : null;
    const left = active && editor.contains(active);
    const own = this.active?.settings;
    // The settings that are in use are shown as a summary, until the admin wants to change them.
    const open = this.changing || editing.filled || (this.active !== undefined && !own);
    const refused = this.#problem?.status === 401 || this.#problem?.status === 403;
    editor.hidden = !open && (!this.#problem || refused || own !== undefined);
    discard.hidden = !own;
    if (this.#problem) {
      const title = refused ? undefined : t('status.unavailable');
      const { session } = this.#form;
      const retry = () => (session.interrupted ? session.goOn() : this.load());
      fill(status, problemView(t, this.#problem, { title, retry }));
    } else if (this.active === undefined) fill(status, h('p', { class: 'loading' }, t('form.loading')));
    else fill(status, statusView(context, this.active, open));
    // The element with the focus was removed or is hidden: the focus moves to the one in its place, or to the title.
    if (focused !== null || (left && editor.hidden)) {
      const next = focused && status.querySelector(`[part="${focused}"]`);
      /** @type {HTMLElement | null} */ (next || status.querySelector('h3, h4'))?.focus();
    }
    editing.offerSecrets();
    later.draw();
  }

  /** Opens the fields. */
  change() {
    this.changing = true;
    this.show();
    this.#form.editing.controls.get('host').focus();
  }
}
