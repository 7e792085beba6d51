// What is in the form: the draft, which fields the admin has changed and left, and what the rules say of them.

/**
 * @import * as validator from '../index.js'
 * @import { Issue, SmtpSettings, ValidationReport } from '../index.js'
 * @import { Draft, Hooks, Patch } from '../../types/form.js'
 */

import { Controls } from './controls.js';
import { fill } from './dom.js';
import { SECRETS, emptyDraft, getPath, mergePatch, setPath, toDraft, toSettings, withoutSecrets } from './draft.js';
import { issueLine } from './fields.js';
import { patchedPaths } from './fixes.js';
import { openUsed, presetText, showPreset } from './layout.js';
import { coupled } from './pairs.js';

// A change of the first can cause an issue of the others: theirs show as soon as both were changed.
/** @type {Record<string, string[]>} */
const DEPENDENT = { port: ['security'], security: ['security'], host: ['port', 'security'] };

/** How long after a click a second one belongs to it: as long as systems set out with. */
const DOUBLE_CLICK_MS = 500;

export class Editing {
  draft = emptyDraft();
  controls = new Controls();
  /** Whether the page has set the value: then the active settings do not replace it. */
  preset = false;
  /** Whether it hears of nothing: the form is being built. */
  resting = false;
  /** @type {ValidationReport} */
  report = { valid: false, issues: [] };
  /**
   * The rules; null until they are loaded, and when they cannot be loaded.
   * @type {typeof validator | null}
   */
  rules = null;
  /**
   * The fields whose issues are shown: the admin has left them, or has asked for a test.
   * @type {Set<string>}
   */
  #touched = new Set();
  /**
   * The fields that the admin has changed.
   * @type {Set<string>}
   */
  #dirty = new Set();
  /**
   * The encryption before it followed a port.
   * @type {string | null}
   */
  #followed = null;
  /** Whether a pointer is down, or may come down once more for the same click. */
  #pressing = false;
  /** @type {(() => void)[]} */
  #afterPress = [];
  /** What the page was told last, as JSON; empty before the admin has changed anything. */
  #told = '';
  /** @type {AbortController | undefined} */
  #watch;
  #form;

  /** @param {Hooks} form */
  constructor(form) {
    this.#form = form;
  }

  /** Whether the admin or the page has filled in something. */
  get filled() {
    return this.#dirty.size > 0 || this.preset;
  }

  get settings() {
    return toSettings(this.draft);
  }

  /** Begins with the controls of a form that is built. */
  begin() {
    this.controls = new Controls();
  }

  /** Forgets what was done with the draft. */
  untouch() {
    this.preset = false;
    this.#followed = null;
    this.#dirty.clear();
    this.#touched.clear();
  }

  /** Shows no issues until a field is left again. */
  calm() {
    this.#touched.clear();
    this.#showReport();
  }

  /** @param {Draft} draft */
  replace(draft) {
    this.draft = draft;
    this.#applySpaces();
    this.#followed = null;
    this.#dirty.clear();
    this.#touched.clear();
    if (!this.#form.built) return;
    this.controls.write(draft);
    this.offerSecrets();
    openUsed(this.#form.root, draft);
    this.check();
  }

  /**
   * @param {string} path
   * @param {unknown} value
   */
  set(path, value) {
    setPath(this.draft, path, value);
    this.controls.get(path).set(value);
    this.#touched.add(path);
    this.changed(path);
  }

  /**
   * Takes what was entered into a control.
   * @param {string} path
   */
  changed(path) {
    setPath(this.draft, path, this.controls.get(path).get());
    this.#dirty.add(path);
    this.#couple(path);
    for (const other of DEPENDENT[path] ?? []) if (this.#dirty.has(other)) this.#touched.add(other);
    this.controls.showUsed(this.draft);
    this.offerSecrets();
    this.check(true);
  }

  // Port and encryption follow each other while one of them is untouched. Who types a port passes others (465 on the way to
  // 4650), so the encryption starts each time from what it was before.
  /** @param {string} path */
  #couple(path) {
    const other = path === 'port' ? 'security' : 'port';
    if ((path !== 'port' && path !== 'security') || this.#dirty.has(other) || !this.rules) return;
    const { t, options, announce } = this.#form;
    const before = this.draft[other];
    if (path === 'port') {
      this.#followed ??= this.draft.security;
      setPath(this.draft, other, this.#followed);
    }
    const { issues } = this.rules.validate(this.settings, options);
    const value = coupled(this.draft, path, issues) ?? this.draft[other];
    setPath(this.draft, other, value);
    if (value === before) return;
    this.controls.get(other).set(value);
    announce(`${t(`${other}.label`)}: ${other === 'security' ? t(`security.${value}`) : value}`);
  }

  /** Offers to keep the stored secrets that may be kept. */
  offerSecrets() {
    const stored = this.#form.current.active?.settings ?? null;
    // Without the rules the form offers to keep secrets, and the server reports one that may not be kept.
    const same = this.rules?.sameDestination(this.settings, stored) ?? true;
    this.controls.offerSecrets(this.draft, stored, same);
  }

  /** Removes the secrets that are stored now. */
  forgetSecrets() {
    this.controls.forgetSecrets(this.draft);
    for (const path of SECRETS) this.#dirty.delete(path);
    this.#form.membership.hold(this.withoutSecrets);
  }

  get withoutSecrets() {
    return toSettings(withoutSecrets(this.draft));
  }

  // --- the rules -----------------------------------------------------------------------------------------------------

  /** @param {boolean} [changed] whether the admin has changed something */
  check(changed = false) {
    if (!this.#form.built) return;
    const { t, options, membership, later } = this.#form;
    const all = { locale: t.locale, ...options };
    this.report = this.rules?.validate(this.settings, all) ?? { valid: true, issues: [] };
    membership.hold(this.withoutSecrets);
    this.#showReport();
    later.draw();
    this.#tell(changed);
  }

  #showReport() {
    const { issues } = this.report;
    const { t, view, membership } = this.#form;
    const { context, general, summary } = view;
    const shown = this.controls.showIssues(context, issues, this.#touched);
    fill(
      general,
      shown.general.map((issue) => issueLine(context, issue)),
    );
    summary.hidden = shown.wrong === 0;
    summary.textContent =
      shown.wrong === 0
        ? ''
        : t(shown.wrong === 1 ? 'issue.summary.one' : 'issue.summary.many', { count: shown.wrong });
    membership.judge(issues, this.#form);
  }

  /** Hears of fields that are left. */
  watch() {
    this.#watch = new AbortController();
    const { signal } = this.#watch;
    const { root } = this.#form;
    /** @type {ReturnType<typeof setTimeout>} */
    let timer;
    const up = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        this.#pressing = false;
        for (const act of this.#afterPress.splice(0)) act();
      }, DOUBLE_CLICK_MS);
    };
    const down = () => {
      clearTimeout(timer);
      this.#pressing = true;
    };
    root.addEventListener('focusout', (event) => this.#left(/** @type {FocusEvent} */ (event)), { signal });
    root.addEventListener('pointerdown', down, { signal });
    addEventListener('pointerup', up, { signal });
    addEventListener('pointercancel', up, { signal });
  }

  unwatch() {
    this.#watch?.abort();
  }

  /** @param {FocusEvent} event */
  #left(event) {
    const target = /** @type {Element | null} */ (event.target);
    const path = target?.closest('[data-path]')?.getAttribute('data-path');
    if (this.resting || !path || !this.#dirty.has(path)) return;
    const touch = () => {
      if (!this.#dirty.has(path)) return;
      this.#touched.add(path);
      this.#showReport();
      if (path === 'senderAddress' || path === 'username' || path === 'host') this.#offerPreset(path);
    };
    // An issue that appeared between press and release, or between two clicks, would move what is clicked away from under the
    // pointer.
    if (this.#pressing) this.#afterPress.push(touch);
    else touch();
  }

  /** Shows the issues of all fields. */
  touchAll() {
    for (const path of this.controls.paths) this.#touched.add(path);
    this.#showReport();
  }

  // --- fixes and presets ---------------------------------------------------------------------------------------------

  /** @param {Issue} issue */
  applyFix(issue) {
    this.patch(issue.fix ?? {});
    this.#form.announce(this.#form.t('issue.fixed'));
    this.focus(issue.field);
  }

  /** @param {Patch} patch */
  patch(patch) {
    this.draft = toDraft(mergePatch(this.draft, patch));
    this.#applySpaces();
    for (const changed of patchedPaths(patch)) {
      const path = this.controls.nearest(changed)?.path ?? changed;
      this.#dirty.add(path);
      this.#touched.add(path);
    }
    this.controls.write(this.draft);
    this.offerSecrets();
    this.check(true);
  }

  // A fix for a secret does not contain the secret, only `spaces`. Applies that, so that the field shows the result.
  #applySpaces() {
    if (!this.rules) return;
    for (const path of SECRETS) {
      const secret = getPath(this.draft, path);
      if (secret?.spaces) setPath(this.draft, path, { set: this.rules.secretText(secret) });
    }
  }

  // The page hears of each change of the admin's, and then also when the rest makes the last one untrue: options or a language
  // that come late, changes that are dropped or saved.
  /** @param {boolean} changed */
  #tell(changed) {
    const { valid, issues } = this.report;
    const detail = { valid, issues, settings: this.withoutSecrets };
    const text = JSON.stringify(detail);
    if (!changed && (this.#told === '' || this.#told === text)) return;
    this.#told = text;
    this.#form.emit('smtp-change', detail);
  }

  /**
   * @param {string} text
   * @returns {Partial<SmtpSettings> | null}
   */
  suggest(text) {
    return (text && this.rules?.suggest(text)) || null;
  }

  /**
   * Offers the settings of the provider that an address or host belongs to, unless the form has them already.
   * @param {'senderAddress' | 'username' | 'host'} path
   */
  #offerPreset(path) {
    const { draft } = this;
    const fragment = this.suggest(getPath(draft, path));
    const differs =
      fragment &&
      /** @type {const} */ (['host', 'port', 'security']).some(
        (key) => fragment[key] !== undefined && fragment[key] !== draft[key],
      );
    const wanted = path === 'host' ? fragment?.host === draft.host : draft.host === '';
    const { context, preset } = this.#form.view;
    showPreset(context, preset, fragment?.host && differs && wanted ? fragment : null);
  }

  /** @param {Partial<SmtpSettings>} fragment */
  applyPreset(fragment) {
    const { t, view, announce } = this.#form;
    fill(view.preset);
    this.patch(fragment);
    announce(presetText(t, 'provider.applied', fragment));
  }

  /**
   * Leads to the control of a path.
   * @param {string} path
   */
  focus(path) {
    const field = this.controls.nearest(path);
    if (!field) return;
    if (this.#form.view.editor.hidden) this.#form.current.change();
    const details = field.root.closest('details');
    if (details) details.open = true;
    this.#touched.add(field.path);
    this.#showReport();
    field.focus();
  }

  // --- before and after an action ------------------------------------------------------------------------------------

  /** Whether the rules find no error; otherwise announces the first and focuses its field. */
  passes() {
    this.check();
    this.touchAll();
    const wrong = this.report.issues.find(({ severity }) => severity === 'error');
    if (!wrong) return true;
    this.#form.announce(`${this.#form.view.summary.textContent} ${wrong.message}`);
    this.focus(wrong.field);
    return false;
  }

  /**
   * Shows the issues of the server at their fields.
   * @param {Issue[]} issues
   */
  take(issues) {
    this.report = { valid: false, issues };
    this.touchAll();
    const first = issues.find(({ severity }) => severity === 'error') ?? issues[0];
    if (!first) return;
    this.focus(first.field);
    this.#form.announce(first.message);
  }
}
