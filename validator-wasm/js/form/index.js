// <smtp-settings-form>: the form of CONTRACT §7. Its state is here, what it looks like is in the modules
// beside it. Needs no inline style and no eval: script-src 'self' 'wasm-unsafe-eval' is enough.

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
import { buildLayout, buildNothing, openUsed, placeIn, presetText, showPreset, takePlace } from './layout.js';
import { problemView } from './report.js';
import { readActive, statusView } from './status.js';
import { styles } from './style.js';
import { loadWords, pickLocale } from './words.js';

// A change of one can make an issue of the other: who has met one has met both.
/** @type {Record<string, string[]>} */
const TOGETHER = { port: ['security'], host: ['port', 'security'] };

// Where pages are rendered on a server there are no elements: there the module loads and defines nothing.
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
   * What is active: undefined is not known, null the platform's server.
   * @type {Active | null | undefined}
   */
  #active = undefined;
  /** @type {Problem | null} */
  #problem = null;
  #controls = new Controls();
  /**
   * The fields that the admin has left, or whose issues were asked for.
   * @type {Set<string>}
   */
  #met = new Set();
  /**
   * The fields that the admin has changed.
   * @type {Set<string>}
   */
  #typed = new Set();
  /** Whether the page has set the value: what is active does not replace that. */
  #given = false;
  /** @type {ValidationReport} */
  #report = { valid: false, issues: [] };
  /**
   * The rules; null until they are loaded, or when they cannot be.
   * @type {typeof validator | null}
   */
  #rules = null;
  /**
   * The form as it is built; null until it is.
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
      // Set before the element was defined: an own property that hides the accessor.
      const own = Object.getOwnPropertyDescriptor(this, name);
      if (!own) continue;
      Reflect.deleteProperty(this, name);
      Reflect.set(this, name, own.value);
    }
    addEventListener('pointerup', this.#pointerUp);
    addEventListener('pointercancel', this.#pointerUp);
    // An element that was only moved stays as it is.
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

  // --- properties -----------------------------------------------------------------------------------------------

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

  /** The settings as they stand in the form; what was typed into a secret included, until it is saved. */
  get value() {
    return toSettings(this.#draft);
  }
  set value(settings) {
    this.#given = true;
    this.#replaceDraft(toDraft(settings));
  }

  // --- as a part of a <form> --------------------------------------------------------------------------------------

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
    this.#meetAll();
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
      // A state of another version: the form stays as it is.
    }
  }

  // --- loading ------------------------------------------------------------------------------------------------------

  async #start() {
    const load = ++this.#loads;
    const locale = pickLocale(this.locale);
    if (!this.#messages) fill(this.#root, h('p', { class: 'loading', role: 'status' }, '…'));
    const [words, rules] = await Promise.allSettled([loadWords(locale), loadRules(locale)]);
    if (load !== this.#loads || !this.isConnected) return;
    // Without the new words the old ones stay.
    if (words.status === 'rejected') {
      if (!this.#messages) fill(this.#root, ...buildNothing(() => this.#start()));
      return;
    }
    this.#rules = rules.status === 'fulfilled' ? validator : null;
    this.#messages = words.value;
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
      // Meanwhile somebody may have begun to type.
      const untouched = this.#typed.size === 0 && !this.#given;
      if (untouched && this.#active) this.#replaceDraft(toDraft(this.#active.settings));
    } catch (error) {
      const problem = /** @type {Problem} */ (error);
      if (problem.status === 404) {
        // Settings that were active are no draft for anything now.
        if (this.#active && this.#typed.size === 0) this.#replaceDraft(emptyDraft());
        this.#active = null;
        this.#problem = null;
      } else this.#problem = problem;
    }
    this.#showActive();
  }

  /** Loads the active settings anew, and forgets what was typed. */
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

  // --- building -----------------------------------------------------------------------------------------------------

  get #t() {
    if (!this.#messages) throw new Error('no messages are loaded yet');
    return this.#messages;
  }

  get #view() {
    if (!this.#built) throw new Error('the form is not built yet');
    return this.#built;
  }

  /**
   * What the modules beside this one need of the form.
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
   * What the actions need of it: how it stands at the moment, and how to go on.
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
    const place = placeIn(this.#root);
    this.#building = true;
    fill(this.#root, this.#view.root, this.#live);
    this.#building = false;
    this.#controls.write(this.#draft);
    this.#showActive();
    openUsed(this.#root, this.#draft);
    this.#check();
    this.#enable();
    this.#actions.draw();
    takePlace(this.#root, place);
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
    // The button that had the focus has gone: to the one in its place, or to what has become of it.
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
      // Not `disabled`, which would lose the focus while a test runs.
      element.setAttribute('aria-disabled', String(this.#actions.running));
    }
    this.#view.stop.hidden = !this.#actions.running;
  }

  // --- the draft ------------------------------------------------------------------------------------------------------

  #untouch() {
    this.#given = false;
    this.#typed.clear();
    this.#met.clear();
  }

  /** @param {Draft} draft */
  #replaceDraft(draft) {
    this.#draft = draft;
    this.#applySpaces();
    this.#typed.clear();
    this.#met.clear();
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
    this.#met.add(path);
    this.#changed(path);
  }

  /** @param {string} path */
  #changed(path) {
    setPath(this.#draft, path, this.#controls.get(path).get());
    this.#typed.add(path);
    for (const other of TOGETHER[path] ?? []) if (this.#typed.has(other)) this.#met.add(other);
    this.#controls.showUsed(this.#draft);
    this.#offerSecrets();
    this.#check();
    this.#notify();
  }

  #offerSecrets() {
    const stored = this.#active?.settings ?? null;
    // Without the rules the server alone knows, and says so when a secret may not be kept.
    const same = this.#rules?.sameDestination(this.value, stored) ?? true;
    this.#controls.offerSecrets(this.#draft, stored, same);
  }

  #forgetSecrets() {
    this.#controls.forgetSecrets(this.#draft);
    for (const path of SECRETS) this.#typed.delete(path);
    this.#setFormValue();
  }

  #setFormValue() {
    const state = JSON.stringify(toSettings(withoutSecrets(this.#draft)));
    this.#internals.setFormValue(JSON.stringify(this.value), state);
  }

  // --- the rules --------------------------------------------------------------------------------------------------------

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
    const shown = this.#controls.showIssues(context, issues, this.#met);
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
    // While the form is built anew, nobody leaves a field.
    if (this.#building || !path || !this.#typed.has(path)) return;
    const meet = () => {
      this.#met.add(path);
      this.#showReport();
      if (path === 'senderAddress' || path === 'username' || path === 'host') this.#offerPreset(path);
    };
    // An issue that appears between press and release would move the button away from under the pointer.
    if (this.#pointerDown) addEventListener('pointerup', () => setTimeout(meet), { once: true });
    else meet();
  }

  #pointerUp = () => {
    this.#pointerDown = false;
  };

  #meetAll() {
    for (const path of this.#controls.paths) this.#met.add(path);
    this.#showReport();
  }

  // --- fixes and presets ------------------------------------------------------------------------------------------------

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
    for (const touched of patchedPaths(patch)) {
      const path = this.#controls.nearest(touched)?.path ?? touched;
      this.#typed.add(path);
      this.#met.add(path);
    }
    this.#controls.write(this.#draft);
    this.#offerSecrets();
    this.#check();
    this.#notify();
  }

  // A fix never holds a secret: it says what becomes of the white space in it. The field shows the result.
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
   * After an address or host of a known provider: its settings, if they are not there already.
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
    this.#met.add(field.path);
    this.#showReport();
    field.focus();
  }

  /** @param {string} text */
  #announce(text) {
    // The same words twice are two announcements only if something changed between them.
    this.#live.textContent = this.#live.textContent === text ? `${text}\u00a0` : text;
  }

  // --- before and after an action ---------------------------------------------------------------------------------------

  // Whether nothing is wrong that the rules know of; where something is, it says so.
  #passes() {
    this.#check();
    this.#meetAll();
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
   * What only the server can say, on its fields.
   * @param {Issue[]} issues
   */
  #takeIssues(issues) {
    this.#report = { valid: false, issues };
    for (const issue of issues) {
      const field = this.#controls.nearest(issue.field);
      if (field) this.#met.add(field.path);
    }
    this.#meetAll();
    const first = issues.find(({ severity }) => severity === 'error') ?? issues[0];
    if (!first) return;
    this.#focusField(first.field);
    this.#announce(first.message);
  }
}

/**
 * Loads the rules. A page that says where the WASM is does so as soon as its imports are done, and has to come first.
 * @param {string} locale
 */
async function loadRules(locale) {
  await new Promise((turn) => setTimeout(turn));
  return validator.default({ locales: locale === 'en' ? [] : [locale] });
}

const registry = globalThis.customElements;
if (registry && !registry.get('smtp-settings-form')) registry.define('smtp-settings-form', SmtpSettingsForm);
