// The list of the stages of a test, which fills as they pass.

/**
 * @import { Security, StageResult, TestReport } from '../index.js'
 * @import { Messages } from '../../types/form.js'
 */

import { fill, h, icon } from '../form/dom.js';

/** @typedef {StageResult['status'] | 'running' | 'pending'} Status */

const MARKS = /** @type {const} */ ({
  passed: 'check',
  failed: 'cross',
  skipped: 'dash',
  warned: 'bang',
  running: 'dot',
  pending: 'dot',
});

/**
 * The order of the stages: with implicit TLS the stage `tls` comes before `greeting`.
 * @param {Security} security
 */
export function stageOrder(security) {
  const opening =
    security === 'tls'
      ? ['resolve', 'connect', 'tls', 'greeting', 'ehlo']
      : ['resolve', 'connect', 'greeting', 'ehlo', 'tls'];
  return [...opening, 'auth', 'sender', 'recipient', 'message'];
}

/** The list. `pass` shows the result of a stage, `finish` those of a report, `stop` ends the waiting. */
export class StageList {
  #t;
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();

  /**
   * @param {Messages} t
   * @param {string[]} order
   */
  constructor(t, order) {
    this.#t = t;
    this.root = h('ol', { class: 'stages', part: 'stages', 'aria-label': t('stages.label') });
    for (const name of order) this.#row(name);
    this.#await(order[0]);
  }

  /**
   * The row of a stage; added on first use.
   * @param {string} name
   */
  #row(name) {
    let row = this.#rows.get(name);
    if (!row) {
      row = h('li', { 'data-stage': name, part: 'stage' });
      this.#rows.set(name, row);
      this.root.append(row);
      this.#draw(name, { status: 'pending' });
    }
    return row;
  }

  /**
   * @param {string} name
   * @param {{ status: Status, ms?: number, detail?: unknown }} stage
   */
  #draw(name, { status, ms, detail }) {
    const t = this.#t;
    const row = this.#row(name);
    row.dataset.status = status;
    row.setAttribute('part', `stage stage-${status}`);
    const facts = detailText(detail);
    fill(
      row,
      h('span', { class: 'mark' }, icon(MARKS[status] ?? 'dot')),
      h('span', { class: 'name' }, t(`stage.${name}`), h('span', { class: 'sr' }, `: ${t(`state.${status}`)}`)),
      facts ? h('span', { class: 'facts', dir: 'ltr' }, facts) : null,
      ms !== undefined && Number.isFinite(ms) && status !== 'skipped'
        ? h('span', { class: 'ms' }, t.duration(ms))
        : null,
    );
  }

  /** @param {string} name */
  #await(name) {
    const row = this.#rows.get(name);
    if (row?.dataset.status === 'pending') this.#draw(name, { status: 'running' });
  }

  /**
   * Shows a finished stage; the next one runs.
   * @param {StageResult} stage
   */
  pass(stage) {
    this.#draw(stage.stage, stage);
    if (stage.status === 'failed') return;
    const names = [...this.#rows.keys()];
    const next = names
      .slice(names.indexOf(stage.stage) + 1)
      .find((name) => this.#row(name).dataset.status === 'pending');
    if (next) this.#await(next);
  }

  /**
   * Shows the stages of a report in its order; a stage that it lacks was not reached.
   * @param {TestReport} report
   */
  finish(report) {
    for (const stage of report.stages ?? []) {
      this.#draw(stage.stage, stage);
      this.root.append(this.#row(stage.stage));
    }
    /** @type {Set<string>} */
    const named = new Set((report.stages ?? []).map(({ stage }) => stage));
    for (const [name, row] of this.#rows) {
      if (named.has(name)) continue;
      this.#draw(name, { status: 'skipped' });
      this.root.append(row);
    }
    this.stop();
  }

  /** Shows no stage as running. */
  stop() {
    for (const [name, row] of this.#rows) {
      if (row.dataset.status === 'running') this.#draw(name, { status: 'pending' });
    }
  }
}

// A short fact beside a stage, such as the address. Only plain values are shown.
/** @param {unknown} detail */
function detailText(detail) {
  if (typeof detail === 'string') return clip(detail);
  if (typeof detail !== 'object' || detail === null) return null;
  for (const key of ['address', 'addresses', 'version', 'mechanism']) {
    const value = /** @type {Record<string, unknown>} */ (detail)[key];
    if (typeof value === 'string' || typeof value === 'number') return clip(String(value));
    if (Array.isArray(value) && value.length > 0 && value.every((entry) => typeof entry === 'string'))
      return clip(value.join(', '));
  }
  return null;
}

/** @param {string} text */
function clip(text) {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
