// The actions: test the settings, activate them, go back to the earlier ones or to the platform's server. One runs at a
// time, and its result stays in view until the next. `form` gives the messages (`t`), the settings (`value`, `active`)
// and the API (`call`), and is called when something has changed.

/**
 * @import { SmtpSettings } from '../index.js'
 * @import { FormContext, Hooks, RunAbout } from '../../types/form.js'
 */

import { ApiError, isAbort } from '../form/api.js';
import { confirm, fill } from '../form/dom.js';
import { banner, problemView } from '../form/problem.js';
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
    if (this.running) return form.announce(form.t('action.running'));
    this.#lastRun = what;
    if (!form.editing.passes()) return;
    const [method, path] = what === 'activate' ? ['PUT', '/smtp'] : ['POST', '/smtp/test'];
    await this.#perform(what, method, path, form.editing.settings, () => this.run(what));
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
    const perform = () => this.#perform('rollback', 'POST', '/smtp/rollback', undefined, perform);
    if (sure) await perform();
  }

  async remove() {
    const { t, view } = this.#form;
    const sure = await confirm(view.root, {
      title: t('remove.title'),
      text: t('remove.text'),
      yes: t('remove.confirm'),
      no: t('form.cancel'),
    });
    if (sure) await this.#delete();
  }

  async #delete() {
    const form = this.#form;
    try {
      await form.call('DELETE', '/smtp', {}, () => this.#delete());
      await form.activated();
      this.#show(({ t }, outcome) => fill(outcome, banner('good', t('status.removed'))));
      form.announce(form.t('status.removed'));
      form.emit('smtp-activated', { revision: null, report: null });
    } catch (error) {
      this.#showProblem(ApiError.of(error));
    }
  }

  /** @param {ApiError} problem */
  #showProblem(problem) {
    this.#show(({ t, goOn }, outcome) =>
      fill(outcome, problemView(t, problem, { retry: problem.status === 401 ? goOn : undefined })),
    );
  }

  // Runs a test, an activation or a rollback, and shows the result; `again` does it after the session had ended.
  /**
   * @param {RunAbout['what']} what
   * @param {string} method
   * @param {string} path
   * @param {SmtpSettings | undefined} body
   * @param {() => unknown} again
   */
  async #perform(what, method, path, body, again) {
    const form = this.#form;
    if (this.running) return;
    const stopper = new AbortController();
    this.#running = stopper;
    form.enable();
    const run = new Run({
      what,
      host: body?.host ?? form.current.active?.settings?.host ?? '',
      security: form.editing.draft.security,
      sender: body?.senderAddress,
      locale: form.t.locale,
    });
    this.#show((context, outcome) => run.draw(context, outcome));
    run.begin();
    try {
      const { status, body: answer } = await form.call(
        method,
        path,
        { body, signal: stopper.signal, onStage: (stage) => run.pass(stage) },
        again,
      );
      if (status === 422) {
        run.leave();
        return form.editing.take(answer.issues);
      }
      const report = Array.isArray(answer?.stages) ? answer : (answer?.report ?? null);
      const activated = what !== 'test' && status === 200;
      // Only a way back to the platform's server has nothing to test.
      if (!Array.isArray(report?.stages) && !(what === 'rollback' && report === null)) throw new ApiError(502, null);
      if (activated) await form.activated();
      run.finish(report, activated, form.current.active);
      form.emit('smtp-tested', { report });
      if (activated) form.emit('smtp-activated', { report, revision: answer.revision ?? null });
    } catch (error) {
      run.stop(isAbort(error) ? null : ApiError.of(error), () => form.view.context.goOn());
    } finally {
      this.#running = null;
      form.enable();
    }
  }
}
