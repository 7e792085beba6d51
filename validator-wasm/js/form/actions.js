// The actions: test the settings, activate them, go back to the earlier ones or to the platform's server. One runs at a
// time, and its result stays in view until the next. `form` gives the messages (`t`), the settings (`value`, `active`)
// and the API (`call`), and is called when something has changed.

/**
 * @import { SmtpSettings } from '../index.js'
 * @import { FormContext, Hooks, Problem, RunAbout } from '../../types/form.js'
 */

import { ApiError, isAbort } from './api.js';
import { confirm, fill } from './dom.js';
import { banner, problemView } from './report.js';
import { Run } from './run.js';

export class Actions {
  #form;
  /** @type {AbortController | null} */
  #running = null;
  /** @type {'test' | 'activate'} */
  #lastRun = 'test';
  /**
   * Draws the result of the last action, again after a change of the language.
   * @type {((context: FormContext, outcome: HTMLElement) => void) | null}
   */
  #shown = null;

  /** @param {Hooks} form */
  constructor(form) {
    this.#form = form;
  }

  get running() {
    return this.#running !== null;
  }

  stop() {
    this.#running?.abort();
  }

  /** Draws the result of the last action into a form that was rebuilt. */
  draw() {
    const { context, outcome } = this.#form.view;
    this.#shown?.(context, outcome);
  }

  /** @param {(context: FormContext, outcome: HTMLElement) => void} draw */
  #show(draw) {
    this.#shown = draw;
    this.draw();
  }

  /**
   * Tests or activates the settings in the form.
   * @param {'test' | 'activate'} what
   */
  async run(what) {
    const form = this.#form;
    if (this.#running) return form.announce(form.t('action.running'));
    this.#lastRun = what;
    if (!form.passes()) return;
    const [method, path] = what === 'activate' ? ['PUT', '/smtp'] : ['POST', '/smtp/test'];
    await this.#perform(what, method, path, form.value);
  }

  /** Repeats the last test or activation. */
  again() {
    return this.run(this.#lastRun);
  }

  async rollback() {
    const { t, view } = this.#form;
    const sure = await confirm(view.root, {
      title: t('rollback.title'),
      text: t('rollback.text'),
      yes: t('rollback.confirm'),
      no: t('form.cancel'),
      danger: false,
    });
    if (sure) await this.#perform('rollback', 'POST', '/smtp/rollback');
  }

  async remove() {
    const form = this.#form;
    const { t, view } = form;
    const sure = await confirm(view.root, {
      title: t('remove.title'),
      text: t('remove.text'),
      yes: t('remove.confirm'),
      no: t('form.cancel'),
    });
    if (!sure) return;
    try {
      await form.call('DELETE', '/smtp');
      form.removed();
      this.#show(({ t }, outcome) => fill(outcome, banner('good', t('status.removed'))));
      form.announce(form.t('status.removed'));
      form.emit('smtp-activated', { revision: null, report: null });
    } catch (error) {
      const problem = /** @type {Problem} */ (error);
      this.#show(({ t }, outcome) => fill(outcome, problemView(t, problem)));
    }
  }

  // Runs a test, an activation or a rollback, and shows the result.
  /**
   * @param {RunAbout['what']} what
   * @param {string} method
   * @param {string} path
   * @param {SmtpSettings} [body]
   */
  async #perform(what, method, path, body) {
    const form = this.#form;
    const run = new Run({
      what,
      host: body?.host ?? form.active?.settings.host ?? '',
      security: form.security,
      sender: body?.senderAddress,
      locale: form.t.locale,
    });
    this.#show((context, outcome) => run.draw(context, outcome));
    run.begin();
    this.#running = new AbortController();
    form.enable();
    try {
      const { status, body: answer } = await form.call(method, path, {
        body,
        signal: this.#running.signal,
        onStage: (stage) => run.pass(stage),
      });
      if (status === 422) {
        run.leave();
        return form.take(answer.issues);
      }
      const report = Array.isArray(answer.stages) ? answer : answer.report;
      const activated = what !== 'test' && status === 200;
      if (activated) await form.activated();
      run.finish(report, activated, form.active);
      form.emit('smtp-tested', { report });
      if (activated) form.emit('smtp-activated', { report, revision: answer.revision ?? null });
    } catch (error) {
      if (error instanceof ApiError) run.stop(error);
      else if (isAbort(error)) run.stop(null);
      else {
        run.leave();
        throw error;
      }
    } finally {
      this.#running = null;
      form.enable();
    }
  }
}
