// One run of a test, from the first stage to the result.

/**
 * @import { StageResult, TestReport } from '../index.js'
 * @import { Active, FormContext, RunAbout } from '../../types/form.js'
 * @import { InspectAbout } from '../../types/inspect.js'
 * @import { ApiError } from '../form/api.js'
 */

import { fill, h } from '../form/dom.js';
import { banner, problemView } from '../form/problem.js';
import { arrivalView, deliverabilityView, failureView, tlsView, transcriptView } from './report.js';
import { StageList, stageOrder } from './stages.js';

export class Run {
  #about;
  /** @type {StageResult[]} */
  #passed = [];
  /** @type {(() => void) | null} */
  #end = null;
  /**
   * The received mail that the admin looks into.
   * @type {InspectAbout['kept']}
   */
  #inspected = {};
  // The parts of the drawing. A change of the language draws them again.
  /** @type {FormContext} */
  #form;
  /** @type {HTMLElement} */
  #outcome;
  /** @type {StageList} */
  #stages;
  /** @type {HTMLElement} */
  #heading;
  /** @type {HTMLElement} */
  #card;
  /** @type {HTMLElement} */
  #details;

  /** @param {RunAbout} about */
  constructor(about) {
    this.#about = about;
  }

  /**
   * Draws the present state of the run into `outcome`.
   * @param {FormContext} form
   * @param {HTMLElement} outcome
   */
  draw(form, outcome) {
    const { t } = form;
    const { host, security } = this.#about;
    this.#form = form;
    this.#outcome = outcome;
    this.#stages = new StageList(t, stageOrder(security));
    this.#heading = h('h3', { id: 'outcome-title' }, t('result.running', { host }));
    this.#card = h(
      'section',
      { class: 'card test', part: 'test', 'aria-labelledby': 'outcome-title', 'aria-busy': 'true' },
      this.#heading,
      this.#stages.root,
    );
    this.#details = h('div', { class: 'details' });
    fill(outcome, this.#card, this.#details);
    for (const stage of this.#passed) this.#stages.pass(stage);
    this.#end?.();
    if (this.#end) this.#card.setAttribute('aria-busy', 'false');
  }

  /** Scrolls the run into view and announces it. */
  begin() {
    const still = globalThis.matchMedia?.('(prefers-reduced-motion: reduce)').matches;
    this.#card.scrollIntoView?.({ block: 'nearest', behavior: still ? 'auto' : 'smooth' });
    this.#form.announce(this.#heading.textContent);
  }

  /**
   * Shows and announces a finished stage.
   * @param {StageResult} stage
   */
  pass(stage) {
    const { t, announce } = this.#form;
    this.#passed.push(stage);
    this.#stages.pass(stage);
    announce(`${t(`stage.${stage.stage}`)}: ${t(`state.${stage.status}`)}`);
  }

  /**
   * Shows the answer. `active` are the settings that are active now.
   * @param {TestReport | null} report
   * @param {boolean} activated
   * @param {Active | undefined} active
   */
  finish(report, activated, active) {
    this.#ended(() => this.#showAnswer(report, activated, active));
    this.#form.announce(
      [...(this.#details.firstElementChild?.querySelectorAll('h4, .lead') ?? [])]
        .map((element) => element.textContent)
        .join('. '),
    );
  }

  /**
   * Ends the run without a report: the admin has stopped it, or an error (`null` means the admin). `goOn` tries again
   * after the session has ended.
   * @param {ApiError | null} error
   * @param {() => void} [goOn]
   */
  stop(error, goOn) {
    this.#ended(() => {
      const { t } = this.#form;
      this.#stages.stop();
      if (error) {
        this.#card.remove();
        fill(this.#details, problemView(t, error, { retry: error.status === 401 ? goOn : undefined }));
      } else this.#heading.textContent = t('result.stopped');
    });
    if (!error) this.#form.announce(this.#heading.textContent);
  }

  /** Removes the run: its result is shown elsewhere. */
  leave() {
    this.#end = () => fill(this.#outcome);
    this.#end();
  }

  /** @param {() => void} show */
  #ended(show) {
    this.#end = show;
    show();
    this.#card.setAttribute('aria-busy', 'false');
  }

  /**
   * @param {TestReport | null} report
   * @param {boolean} activated
   * @param {Active | undefined} active
   */
  #showAnswer(report, activated, active) {
    const form = this.#form;
    const { t } = form;
    const { what, locale, sender } = this.#about;
    const own = active?.settings;
    const host = (activated && own?.host) || this.#about.host;
    const parts = [];
    if (report) {
      this.#stages.finish(report);
      const total = report.stages.reduce((sum, { ms }) => sum + (Number.isFinite(ms) ? ms : 0), 0);
      fill(
        this.#heading,
        h('span', { dir: 'ltr' }, host),
        h('span', { class: 'total' }, t('result.total', { time: t.duration(total) })),
      );
    } else this.#card.remove();
    if (report?.failure) {
      const kept = what === 'test' ? '' : t(own ? 'result.kept' : 'result.kept.platform');
      parts.push(failureView(form, report.failure, kept, locale));
    } else if (activated && !own) parts.push(banner('good', t('status.removed')));
    else {
      const title = activated ? t(what === 'rollback' ? 'status.rolledback' : 'result.activated') : t('result.passed');
      parts.push(
        banner(
          'good',
          title,
          h('p', { class: 'lead' }, activated ? t('result.activated.text', { host }) : t('result.passed.text')),
        ),
      );
      if (report?.testMessage)
        parts.push(
          arrivalView(form, report.testMessage, {
            sender: sender ?? own?.senderAddress ?? '',
            host,
            kept: this.#inspected,
          }),
        );
    }
    if (report)
      parts.push(
        deliverabilityView(form, report.deliverability, locale),
        tlsView(form, report),
        transcriptView(form, report.transcript),
      );
    fill(this.#details, parts);
  }
}
