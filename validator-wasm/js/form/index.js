// <smtp-settings-form>: its state. The modules beside this one draw it. It needs no inline style and no eval:
// script-src 'self' 'wasm-unsafe-eval' is enough.

/**
 * @import { Issue, SmtpSettings, ValidationReport } from '../index.js'
 * @import * as published from './index.js'
 * @import { Active, CallOptions, Draft, FormContext, Hooks, Messages, Patch, Problem, View } from '../../types/form.js'
 */

import * as validator from '../index.js';
import { Actions } from './actions.js';
import { Api } from './api.js';
import { Controls } from './controls.js';
import { fill, h } from './dom.js';
import { SECRETS, emptyDraft, getPath, mergePatch, setPath, toDraft, toSettings, withoutSecrets } from './draft.js';
import { issueLine } from './fields.js';
import { patchedPaths } from './fixes.js';
import { buildLayout, buildLoadError, openUsed, saveFocus, presetText, showPreset, restoreFocus } from './layout.js';
import { problemView } from './report.js';
import { readActive, statusView } from './status.js';
import { styles } from './style.js';
import { loadMessages, pickLocale } from './messages.js';

// A change of the first can cause an issue of the others: theirs show as soon as both were changed.
/** @type {Record<string, string[]>} */
const DEPENDENT = { port: ['security'], host: ['port', 'security'] };

// A server that renders pages has no elements: there the module loads and defines nothing.
const Element = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (/** @type {unknown} */ (class {}));

/** @implements {published.SmtpSettingsForm} */
export class SmtpSettingsForm extends Element {
  static formAssociated = true;
  static observedAttributes = ['api', 'locale'];

  #internals = this.attachInternals();
  #root = this.attachShadow({ mode: 'open', delegatesFocus: true });
  #live = h('div', { class: 'sr', role: 'status', 'aria-live': 'polite' });
  /** @type {(() => Promise<string | null | undefined>) | null} */
  #getToken = null;
  /** @type {published.SmtpSettingsForm['options']} */
  #options = {};
  /**
   * The messages in use; null until the first are loaded.
   * @type {Messages | null}
   */
  #messages = null;
  #draft = emptyDraft();
  /**
   * The active settings: undefined while they are not known, null for the platform's server.
   * @type {Active | null | undefined}
   */
  #active = undefined;
  /** @type {Problem | null} */
  #problem = null;
  #controls = new Controls();
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
  /** Whether the page has set the value: then the active settings do not replace it. */
  #preset = false;
  /** @type {ValidationReport} */
  #report = { valid: false, issues: [] };
  /**
   * The rules; null until they are loaded, and when they cannot be loaded.
   * @type {typeof validator | null}
   */
  #rules = null;
  /**
   * The parts of the form; null until it is built.
   * @type {View | null}
   */
  #built = null;
  #building = false;
  #actions = new Actions(this.#hooks());
  #pointerDown = false;
  #loads = 0;
  #disabled = false;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [styles()];
    this.#root.addEventListener('focusout', (event) => this.#left(/** @type {FocusEvent} */ (event)));
    this.#root.addEventListener('pointerdown', () => {
      this.#pointerDown = true;
    });
  }

  connectedCallback() {
    for (const name of ['getToken', 'value', 'options']) {
      // A property that was set before the element was defined is an own one and hides the accessor.
      const own = Object.getOwnPropertyDescriptor(this, name);
      if (!own) continue;
      Reflect.deleteProperty(this, name);
      Reflect.set(this, name, own.value);
    }
    addEventListener('pointerup', this.#pointerUp);
    addEventListener('pointercancel', this.#pointerUp);
    // An element that was only moved is not rebuilt.
    if (this.#messages?.locale !== pickLocale(this.locale)) this.#start();
  }

  disconnectedCallback() {
    removeEventListener('pointerup', this.#pointerUp);
    removeEventListener('pointercancel', this.#pointerUp);
    this.#actions.stop();
  }

  /**
   * @param {string} name
   * @param {string | null} before
   * @param {string | null} now
   */
  attributeChangedCallback(name, before, now) {
    if (before === now || !this.isConnected || !this.#messages) return;
    if (name === 'api') this.#active = undefined;
    this.#start();
  }

  // --- properties ----------------------------------------------------------------------------------------------------

  get api() {
    return this.getAttribute('api') ?? '';
  }
  set api(value) {
    this.setAttribute('api', value);
  }
  get locale() {
    const inherited = /** @type {HTMLElement | null} */ (this.closest('[lang]'));
    return this.getAttribute('locale') ?? inherited?.lang ?? navigator.language;
  }
  set locale(value) {
    this.setAttribute('locale', value);
  }

  /** An async function that gives the bearer token for each call. */
  get getToken() {
    return this.#getToken;
  }
  set getToken(value) {
    this.#getToken = typeof value === 'function' ? value : null;
    if (this.#messages && this.isConnected && this.#active === undefined) this.#load();
  }

  /** The operator's `{allowPorts, allowNetworks}`, as the server has them. */
  get options() {
    return { ...this.#options };
  }
  set options(value) {
    this.#options = { ...value };
    if (this.#messages) this.#check();
  }

  /** The settings in the form, with typed secrets until they are saved. */
  get value() {
    return toSettings(this.#draft);
  }
  set value(settings) {
    this.#preset = true;
    this.#replaceDraft(toDraft(settings));
  }

  // --- as a part of a <form> -----------------------------------------------------------------------------------------

  get form() {
    return this.#internals.form;
  }
  get name() {
    return this.getAttribute('name');
  }
  get validity() {
    return this.#internals.validity;
  }
  get validationMessage() {
    return this.#internals.validationMessage;
  }
  get willValidate() {
    return this.#internals.willValidate;
  }
  checkValidity() {
    return this.#internals.checkValidity();
  }
  reportValidity() {
    this.#touchAll();
    return this.#internals.checkValidity();
  }
  formResetCallback() {
    this.#replaceDraft(this.#active ? toDraft(this.#active.settings) : emptyDraft());
  }
  /** @param {boolean} disabled */
  formDisabledCallback(disabled) {
    this.#disabled = disabled;
    this.#enable();
  }
  /** @param {string} state */
  formStateRestoreCallback(state) {
    try {
      this.#replaceDraft(toDraft(JSON.parse(state)));
    } catch {
      // The browser has kept the state of another version, which this one cannot read.
    }
  }

  // --- loading -------------------------------------------------------------------------------------------------------

  async #start() {
    const load = ++this.#loads;
    const locale = pickLocale(this.locale);
    if (!this.#messages) fill(this.#root, h('p', { class: 'loading', role: 'status' }, '…'));
    const [messages, rules] = await Promise.allSettled([loadMessages(locale), loadRules(locale)]);
    if (load !== this.#loads || !this.isConnected) return;
    // Without the new messages the old ones stay.
    if (messages.status === 'rejected') {
      if (!this.#messages) fill(this.#root, ...buildLoadError(() => this.#start()));
      return;
    }
    this.#rules = rules.status === 'fulfilled' ? validator : null;
    this.#messages = messages.value;
    this.#build();
    if (this.#active === undefined) await this.#load();
  }

  async #load() {
    if (!this.api) {
      this.#active = null;
      return this.#showActive();
    }
    try {
      const { body } = await this.#call('GET', '/smtp');
      this.#active = readActive(body);
      this.#problem = null;
      // The admin may have begun to type while the settings were loaded.
      const untouched = this.#dirty.size === 0 && !this.#preset;
      if (untouched && this.#active) this.#replaceDraft(toDraft(this.#active.settings));
    } catch (error) {
      const problem = /** @type {Problem} */ (error);
      if (problem.status === 404) {
        // The settings in the form were the active ones, which have been removed.
        if (this.#active && this.#dirty.size === 0) this.#replaceDraft(emptyDraft());
        this.#active = null;
        this.#problem = null;
      } else this.#problem = problem;
    }
    this.#showActive();
  }

  /** Loads the active settings again, and drops the changes in the form. */
  async reload() {
    this.#active = undefined;
    this.#untouch();
    await this.#load();
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {CallOptions} [more]
   */
  #call(method, path, more) {
    return new Api(this.api, this.#getToken, this.#t.locale).call(method, path, more);
  }

  // --- building ------------------------------------------------------------------------------------------------------

  get #t() {
    if (!this.#messages) throw new Error('no messages are loaded yet');
    return this.#messages;
  }

  get #view() {
    if (!this.#built) throw new Error('the form is not built yet');
    return this.#built;
  }

  /**
   * The part of the form that the modules beside this one use.
   * @returns {FormContext}
   */
  #context() {
    return {
      t: this.#t,
      controls: this.#controls,
      changed: (path) => this.#changed(path),
      suggest: (text) => this.#suggest(text),
      applyPreset: (fragment) => this.#applyPreset(fragment),
      applyFix: (issue) => this.#applyFix(issue),
      applyProven: (patch) => this.#applyProven(patch),
      labelOf: (path) => this.#controls.nearest(path)?.label ?? null,
      focusField: (path) => this.#focusField(path),
      setValue: (path, value) => this.#setValue(path, value),
      announce: (text) => this.#announce(text),
      rollback: () => this.#actions.rollback(),
      remove: () => this.#actions.remove(),
    };
  }

  /**
   * The part of the form that the actions use: its state, and functions to change it.
   * @returns {Hooks}
   */
  #hooks() {
    const form = this;
    return {
      get t() {
        return form.#t;
      },
      get view() {
        return form.#view;
      },
      get value() {
        return form.value;
      },
      get security() {
        return form.#draft.security;
      },
      get active() {
        return form.#active;
      },
      call: (method, path, more) => form.#call(method, path, more),
      passes: () => form.#passes(),
      take: (issues) => form.#takeIssues(issues),
      activated: () => form.#activated(),
      removed: () => form.#removed(),
      enable: () => form.#enable(),
      announce: (text) => form.#announce(text),
      emit: (name, detail) => form.#emit(name, detail),
    };
  }

  #build() {
    this.#controls = new Controls();
    const context = this.#context();
    const act = {
      test: () => this.#actions.run('test'),
      activate: () => this.#actions.run('activate'),
      stop: () => this.#actions.stop(),
      load: () => this.#start(),
    };
    this.#built = { context, ...buildLayout(context, { checking: this.#rules !== null, act }) };
    const focus = saveFocus(this.#root);
    this.#building = true;
    fill(this.#root, this.#view.root, this.#live);
    this.#building = false;
    this.#controls.write(this.#draft);
    this.#showActive();
    openUsed(this.#root, this.#draft);
    this.#check();
    this.#enable();
    this.#actions.draw();
    restoreFocus(this.#root, focus);
  }

  #showActive() {
    if (!this.#built) return;
    const { status } = this.#view;
    const active = this.#root.activeElement;
    const focused = active && status.contains(active) ? active.part.value : null;
    if (this.#problem)
      fill(
        status,
        problemView(this.#t, this.#problem, { title: this.#t('status.unavailable'), retry: () => this.#load() }),
      );
    else if (this.#active === undefined) fill(status, h('p', { class: 'loading' }, this.#t('form.loading')));
    else fill(status, statusView(this.#view.context, this.#active));
    // The button with the focus was removed: the focus moves to the button in its place, or to the title.
    if (focused !== null) {
      const next = status.querySelector(`[part="${focused}"]`) ?? status.querySelector('h3, h4');
      /** @type {HTMLElement | null} */ (next)?.focus();
    }
    this.#offerSecrets();
  }

  #enable() {
    this.#controls.disable(this.#disabled);
    if (!this.#built) return;
    for (const element of [this.#view.test, this.#view.activate]) {
      element.disabled = this.#disabled;
      // Not `disabled`: a disabled button would lose the focus while a test runs.
      element.setAttribute('aria-disabled', String(this.#actions.running));
    }
    this.#view.stop.hidden = !this.#actions.running;
  }

  // --- the draft -----------------------------------------------------------------------------------------------------

  #untouch() {
    this.#preset = false;
    this.#dirty.clear();
    this.#touched.clear();
  }

  /** @param {Draft} draft */
  #replaceDraft(draft) {
    this.#draft = draft;
    this.#applySpaces();
    this.#dirty.clear();
    this.#touched.clear();
    if (!this.#messages) return;
    this.#controls.write(this.#draft);
    this.#offerSecrets();
    openUsed(this.#root, this.#draft);
    this.#check();
  }

  /**
   * @param {string} path
   * @param {unknown} value
   */
  #setValue(path, value) {
    setPath(this.#draft, path, value);
    this.#controls.get(path).set(value);
    this.#touched.add(path);
    this.#changed(path);
  }

  /** @param {string} path */
  #changed(path) {
    setPath(this.#draft, path, this.#controls.get(path).get());
    this.#dirty.add(path);
    for (const other of DEPENDENT[path] ?? []) if (this.#dirty.has(other)) this.#touched.add(other);
    this.#controls.showUsed(this.#draft);
    this.#offerSecrets();
    this.#check();
    this.#notify();
  }

  #offerSecrets() {
    const stored = this.#active?.settings ?? null;
    // Without the rules the form offers to keep secrets, and the server reports one that may not be kept.
    const same = this.#rules?.sameDestination(this.value, stored) ?? true;
    this.#controls.offerSecrets(this.#draft, stored, same);
  }

  #forgetSecrets() {
    this.#controls.forgetSecrets(this.#draft);
    for (const path of SECRETS) this.#dirty.delete(path);
    this.#setFormValue();
  }

  #setFormValue() {
    const state = JSON.stringify(toSettings(withoutSecrets(this.#draft)));
    this.#internals.setFormValue(JSON.stringify(this.value), state);
  }

  // --- the rules -----------------------------------------------------------------------------------------------------

  #check() {
    if (!this.#messages) return;
    const options = { locale: this.#t.locale, ...this.#options };
    this.#report = this.#rules?.validate(this.value, options) ?? { valid: true, issues: [] };
    this.#setFormValue();
    this.#showReport();
  }

  #showReport() {
    const { issues } = this.#report;
    const { context, general, summary, activate } = this.#view;
    const shown = this.#controls.showIssues(context, issues, this.#touched);
    fill(
      general,
      shown.general.map((issue) => issueLine(context, issue)),
    );
    summary.hidden = shown.wrong === 0;
    summary.textContent =
      shown.wrong === 0
        ? ''
        : this.#t(shown.wrong === 1 ? 'issue.summary.one' : 'issue.summary.many', { count: shown.wrong });
    const first = issues.find(({ severity }) => severity === 'error');
    if (first)
      this.#internals.setValidity(
        { customError: true },
        first.message,
        this.#controls.nearest(first.field)?.targets()[0] ?? activate,
      );
    else this.#internals.setValidity({});
  }

  /** @param {FocusEvent} event */
  #left(event) {
    const target = /** @type {Element | null} */ (event.target);
    const path = target?.closest('[data-path]')?.getAttribute('data-path');
    // A rebuild takes the focus away too, but then the admin has not left the field.
    if (this.#building || !path || !this.#dirty.has(path)) return;
    const touch = () => {
      this.#touched.add(path);
      this.#showReport();
      if (path === 'senderAddress' || path === 'username' || path === 'host') this.#offerPreset(path);
    };
    // An issue that appeared between press and release would move the button away from under the pointer.
    if (this.#pointerDown) addEventListener('pointerup', () => setTimeout(touch), { once: true });
    else touch();
  }

  #pointerUp = () => {
    this.#pointerDown = false;
  };

  #touchAll() {
    for (const path of this.#controls.paths) this.#touched.add(path);
    this.#showReport();
  }

  // --- fixes and presets ---------------------------------------------------------------------------------------------

  /** @param {Issue} issue */
  #applyFix(issue) {
    this.#patch(issue.fix ?? {});
    this.#announce(this.#t('issue.fixed'));
    this.#focusField(issue.field);
  }

  /** @param {Patch} patch */
  #patch(patch) {
    this.#draft = toDraft(mergePatch(this.#draft, patch));
    this.#applySpaces();
    for (const changed of patchedPaths(patch)) {
      const path = this.#controls.nearest(changed)?.path ?? changed;
      this.#dirty.add(path);
      this.#touched.add(path);
    }
    this.#controls.write(this.#draft);
    this.#offerSecrets();
    this.#check();
    this.#notify();
  }

  // A fix for a secret does not contain the secret, only `spaces`. Applies that, so that the field shows the result.
  #applySpaces() {
    if (!this.#rules) return;
    for (const path of SECRETS) {
      const secret = getPath(this.#draft, path);
      if (secret?.spaces) setPath(this.#draft, path, { set: this.#rules.secretText(secret) });
    }
  }

  #notify() {
    this.#emit('smtp-change', {
      valid: this.#report.valid,
      issues: this.#report.issues,
      settings: toSettings(withoutSecrets(this.#draft)),
    });
  }

  /**
   * @param {string} name
   * @param {object} detail
   */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true, detail }));
  }

  /**
   * @param {string} text
   * @returns {Partial<SmtpSettings> | null}
   */
  #suggest(text) {
    return (text && this.#rules?.suggest(text)) || null;
  }

  /**
   * Offers the settings of the provider that an address or host belongs to, unless the form has them already.
   * @param {'senderAddress' | 'username' | 'host'} path
   */
  #offerPreset(path) {
    const fragment = this.#suggest(getPath(this.#draft, path));
    const differs =
      fragment &&
      /** @type {const} */ (['host', 'port', 'security']).some(
        (key) => fragment[key] !== undefined && fragment[key] !== this.#draft[key],
      );
    const wanted = path === 'host' ? fragment?.host === this.#draft.host : this.#draft.host === '';
    showPreset(this.#view.context, this.#view.preset, fragment?.host && differs && wanted ? fragment : null);
  }

  /** @param {Partial<SmtpSettings>} fragment */
  #applyPreset(fragment) {
    fill(this.#view.preset);
    this.#patch(fragment);
    this.#announce(presetText(this.#t, 'provider.applied', fragment));
  }

  /** @param {Patch} patch */
  #applyProven(patch) {
    this.#patch(patch);
    this.#actions.again();
  }

  /** @param {string} path */
  #focusField(path) {
    const field = this.#controls.nearest(path);
    if (!field) return;
    const details = field.root.closest('details');
    if (details) details.open = true;
    this.#touched.add(field.path);
    this.#showReport();
    field.focus();
  }

  /** @param {string} text */
  #announce(text) {
    // A screen reader announces a text again only if it has changed.
    this.#live.textContent = this.#live.textContent === text ? `${text}\u00a0` : text;
  }

  // --- before and after an action ------------------------------------------------------------------------------------

  // Whether the rules find no error; otherwise announces the first and focuses its field.
  #passes() {
    this.#check();
    this.#touchAll();
    const wrong = this.#report.issues.find(({ severity }) => severity === 'error');
    if (!wrong) return true;
    this.#announce(`${this.#view.summary.textContent} ${wrong.message}`);
    this.#focusField(wrong.field);
    return false;
  }

  async #activated() {
    this.#forgetSecrets();
    this.#untouch();
    await this.#load();
  }

  #removed() {
    this.#forgetSecrets();
    this.#active = null;
    this.#replaceDraft(emptyDraft());
    this.#showActive();
  }

  /**
   * Shows the issues of the server at their fields.
   * @param {Issue[]} issues
   */
  #takeIssues(issues) {
    this.#report = { valid: false, issues };
    for (const issue of issues) {
      const field = this.#controls.nearest(issue.field);
      if (field) this.#touched.add(field.path);
    }
    this.#touchAll();
    const first = issues.find(({ severity }) => severity === 'error') ?? issues[0];
    if (!first) return;
    this.#focusField(first.field);
    this.#announce(first.message);
  }
}

/**
 * Loads the rules, one task later: a page that names the place of the WASM calls `init` right after its imports.
 * @param {string} locale
 */
async function loadRules(locale) {
  await new Promise((turn) => setTimeout(turn));
  return validator.default({ locales: locale === 'en' ? [] : [locale] });
}

const registry = globalThis.customElements;
if (registry && !registry.get('smtp-settings-form')) registry.define('smtp-settings-form', SmtpSettingsForm);
