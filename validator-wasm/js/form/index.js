// <smtp-settings-form>: its state. The modules beside this one draw it. It needs no inline style and no eval:
// script-src 'self' 'wasm-unsafe-eval' is enough.

/**
 * @import { Issue, SmtpSettings, ValidationReport } from '../index.js'
 * @import * as published from './index.js'
 * @import { Actions, Connection } from '../results/index.js'
 * @import { Active, CallOptions, Draft, FormContext, Hooks, Messages, Patch, Problem, View } from '../../types/form.js'
 */

import * as validator from '../index.js';
import { PLATFORM, askActive } from './active.js';
import { ApiError } from './api.js';
import { Controls } from './controls.js';
import { fill, h } from './dom.js';
import { languageOf, takeOver } from './element.js';
import { SECRETS, emptyDraft, getPath, mergePatch, setPath, toDraft, toSettings, withoutSecrets } from './draft.js';
import { issueLine } from './fields.js';
import { patchedPaths } from './fixes.js';
import { loadResults } from './later.js';
import { LOADERS } from './lists.js';
import { buildLayout, buildLoadError, openUsed, saveFocus, presetText, showPreset, restoreFocus } from './layout.js';
import { coupled } from './pairs.js';
import { problemView } from './problem.js';
import { Session } from './session.js';
import { statusView } from './status.js';
import css from './css.js';
import { dress } from './style.js';
import { loadMessages, pickLocale } from './messages.js';

// A change of the first can cause an issue of the others: theirs show as soon as both were changed.
/** @type {Record<string, string[]>} */
const DEPENDENT = { port: ['security'], security: ['security'], host: ['port', 'security'] };

// A server that renders pages has no elements: there the module loads and defines nothing.
const Element = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (/** @type {unknown} */ (class {}));

/**
 * The element's part in a form. A test's document without one (happy-dom) has none of it.
 * @param {HTMLElement} element
 */
const internals = (element) => /** @type {ElementInternals} */ (element.attachInternals?.() ?? {});

/**
 * The form for the SMTP settings of a customer.
 *
 * @tagname smtp-settings-form
 * @implements {published.SmtpSettingsForm}
 * @attr {string} api - Base URL of the HTTP API.
 * @attr {string} locale - Language tag; without one, the language of the page.
 * @attr {string} name - Makes the settings, without secrets, a part of the surrounding `<form>`.
 * @attr {boolean} required - Holds up the surrounding `<form>` until the settings are valid.
 * @fires {CustomEvent<ChangeDetail>} smtp-change - The settings in the form have changed: `{valid, issues, settings}`, never a typed secret.
 * @fires {CustomEvent<TestedDetail>} smtp-tested - A test has ended: `{report}`; null when there was nothing to test.
 * @fires {CustomEvent<ActivatedDetail>} smtp-activated - Settings are active: `{revision, report}`; `revision` is null once the platform's server is in use again.
 * @fires {CustomEvent<UnauthorizedDetail>} smtp-unauthorized - The session has ended or `getToken` was rejected: `{retry}`, to call after a new sign-in.
 * @cssprop --smtp-accent - Buttons, links, the focus.
 * @cssprop --smtp-on-accent - Text on the accent.
 * @cssprop --smtp-surface - Inputs, cards.
 * @cssprop --smtp-sunken - Areas below the surface.
 * @cssprop --smtp-text - Text.
 * @cssprop --smtp-muted - Text of less weight.
 * @cssprop --smtp-line - Lines between parts.
 * @cssprop --smtp-edge - Borders of controls.
 * @cssprop --smtp-good - Success.
 * @cssprop --smtp-good-wash - The ground of a success.
 * @cssprop --smtp-bad - Errors.
 * @cssprop --smtp-bad-wash - The ground of an error.
 * @cssprop --smtp-warn - Warnings.
 * @cssprop --smtp-warn-wash - The ground of a warning.
 * @cssprop --smtp-radius - Corners.
 * @cssprop --smtp-font - The font, as the property `font`.
 * @cssprop --smtp-mono - The font family of code.
 * @csspart form - Everything.
 * @csspart status - The card on top; also `status-active`, `status-unhealthy`, `status-platform`.
 * @csspart summary - The active settings.
 * @csspart history - The disclosure of the history; `history-list` is its list.
 * @csspart editor - The part that changes the settings.
 * @csspart warning - The warning above the fields.
 * @csspart section - A section; also `section-server`, `section-signin`, `section-sender`, `section-routing`, `section-advanced`, and its `section-title`.
 * @csspart field - A field with its `label`, `hint` and `issues`.
 * @csspart input - A text field; `select` is a list, `choices` a group of radio buttons, `choice` one of them.
 * @csspart kept - A stored secret.
 * @csspart issue - An issue; also `error` or `warning`.
 * @csspart connection - The connection of a mailbox with a provider; `connect-button` begins one, `open-button` opens a window that the browser has blocked.
 * @csspart preset - The offer of a provider's settings.
 * @csspart routing - The table of routes.
 * @csspart disclosure - What unfolds; `transcript` is the transcript's.
 * @csspart footer - The buttons below the fields.
 * @csspart button - A button; also `activate-button`, `test-button`, `stop-button`, `discard-button`, `change-button`, `retest-button`, `rollback-button`, `remove-button`, and by its looks `primary-button`, `plain-button`, `quiet-button`, `danger-button`, `link-button`, `fix-button`, `inset-button`, `small-button`.
 * @csspart outcome - The result of the last action; `test` is the test with its `stages` (each a `stage`), `banner` (`banner-good`, `banner-bad`) the sentence, `reply` the server's reply, `proven` the fix that was tried, `arrival` the check that it arrived.
 * @csspart inspect - The disclosure for a look into the received mail; `inspector` is its content, `inspect-report` the report with its `findings` (each a `finding`, also `finding-error` or `finding-warning`) and `hops` (each a `hop`).
 * @csspart dialog - A question.
 */
export class SmtpSettingsForm extends Element {
  static formAssociated = true;
  static observedAttributes = ['api', 'locale', 'name', 'required'];

  #internals = internals(this);
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
   * What is in use: undefined while it is not known.
   * @type {Active | undefined}
   */
  #active = undefined;
  /** Whether the admin has asked to change the active settings: until then the form shows a summary of them. */
  #changing = false;
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
  /**
   * The actions; null until one is wanted, because they are loaded after the status.
   * @type {Actions | null}
   */
  #actions = null;
  /**
   * The connection of a mailbox with a provider, which comes with them.
   * @type {Connection | null}
   */
  #connection = null;
  /** Whether an action waits for them. */
  #waiting = false;
  #pointerDown = false;
  #starts = 0;
  #loads = 0;
  #disabled = false;
  #session = new Session(this);

  constructor() {
    super();
    this.#root.addEventListener('focusout', (event) => this.#left(/** @type {FocusEvent} */ (event)));
    this.#root.addEventListener('pointerdown', () => {
      this.#pointerDown = true;
    });
  }

  connectedCallback() {
    takeOver(this, ['getToken', 'value', 'options']);
    dress(this.#root, css);
    addEventListener('pointerup', this.#pointerUp);
    addEventListener('pointercancel', this.#pointerUp);
    // An element that was only moved is not rebuilt.
    if (this.#messages?.locale !== pickLocale(this.locale, LOADERS)) this.#start();
  }

  disconnectedCallback() {
    removeEventListener('pointerup', this.#pointerUp);
    removeEventListener('pointercancel', this.#pointerUp);
    this.#actions?.stop();
  }

  /**
   * @param {string} name
   * @param {string | null} before
   * @param {string | null} now
   */
  attributeChangedCallback(name, before, now) {
    if (before === now || !this.isConnected || !this.#messages) return;
    if (name === 'name' || name === 'required') return this.#check();
    if (name === 'api') this.#forget();
    this.#start();
  }

  // Another API has other settings.
  #forget() {
    this.#active = undefined;
    this.#problem = null;
    this.#session.forget();
  }

  // --- properties ----------------------------------------------------------------------------------------------------

  get api() {
    return this.getAttribute('api') ?? '';
  }
  set api(value) {
    this.setAttribute('api', value);
  }
  get locale() {
    return languageOf(this);
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
    if (this.#session.interrupted) this.#session.goOn();
    else if (this.#messages && this.isConnected && this.#active === undefined) this.#load();
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
    this.#showActive();
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
    return this.#internals.checkValidity?.() ?? true;
  }
  reportValidity() {
    this.#touchAll();
    return this.checkValidity();
  }
  formResetCallback() {
    this.#replaceDraft(toDraft(this.#active?.settings));
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
      this.#preset = true;
      this.#showActive();
    } catch {
      // The browser has kept the state of another version, which this one cannot read.
    }
  }

  // --- loading -------------------------------------------------------------------------------------------------------

  async #start() {
    const start = ++this.#starts;
    const locale = pickLocale(this.locale, LOADERS);
    if (!this.#messages) fill(this.#root, h('p', { class: 'loading', role: 'status' }, '…'));
    // A page may set `getToken` and `init` where the WASM is right after its imports: the element waits one task.
    const turn = new Promise((resolve) => setTimeout(resolve));
    if (this.#active === undefined && this.api) (this.#getToken ? Promise.resolve() : turn).then(() => this.#load());
    const rules = turn.then(() => validator.default({ locales: locale === 'en' ? [] : [locale] }));
    const loaded = await Promise.allSettled([this.#loadMessages(locale), rules]);
    // A test of the page may have ended, and its document with it.
    if (start !== this.#starts || !this.isConnected || !globalThis.document) return;
    const [messages] = loaded;
    // Without the new messages the old ones stay.
    if (messages.status === 'rejected') {
      if (!this.#messages) fill(this.#root, ...buildLoadError(() => this.#start()));
      return;
    }
    this.#rules = loaded[1].status === 'fulfilled' ? validator : null;
    this.#messages = messages.value;
    if (!this.api) this.#active = PLATFORM;
    this.#build();
  }

  // The messages of a language, with those of what is shown below the status.
  /** @param {string} locale */
  async #loadMessages(locale) {
    const messages = await loadMessages(locale, LOADERS);
    if (this.#connection) await loadResults(this.#root, messages);
    return messages;
  }

  async #load() {
    const load = ++this.#loads;
    try {
      const active = await askActive((method, path) => this.#call(method, path, {}, () => this.#load()));
      if (load !== this.#loads) return;
      const known = active.settings ?? this.#active?.settings;
      this.#active = active;
      this.#problem = null;
      // The admin may have begun to type while the settings were loaded.
      if (known && this.#dirty.size === 0 && !this.#preset) this.#replaceDraft(toDraft(active.settings));
    } catch (error) {
      if (load !== this.#loads) return;
      this.#problem = /** @type {Problem} */ (error);
    }
    this.#showActive();
    this.#prefetch();
  }

  // The next that an admin needs comes while the form is read.
  #prefetch() {
    if (!this.#built || (this.#active === undefined && !this.#problem)) return;
    (globalThis.requestIdleCallback ?? setTimeout)(() => this.#results().catch(() => {}));
  }

  async #results() {
    const results = await loadResults(this.#root, this.#t);
    this.#connection ??= new results.Connection();
    this.#connection.draw(this.#view.context);
    return results;
  }

  // Does something with the actions, once they are loaded.
  /** @param {(actions: Actions) => unknown} use */
  async #act(use) {
    this.#waiting = true;
    this.#enable();
    try {
      const { Actions } = await this.#results();
      this.#actions ??= new Actions(this.#hooks());
    } catch (error) {
      const view = problemView(this.#t, ApiError.of(error), { retry: () => this.#act(use) });
      return fill(this.#view.outcome, view);
    } finally {
      this.#waiting = false;
      this.#enable();
    }
    await use(this.#actions);
  }

  /** Loads the active settings again, and drops the changes in the form. */
  async reload() {
    this.#untouch();
    await this.#load();
    this.#discard();
  }

  // Drops the changes in the form.
  #discard() {
    this.#untouch();
    this.#replaceDraft(toDraft(this.#active?.settings));
    this.#showActive();
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {CallOptions} more
   * @param {() => unknown} again
   */
  #call(method, path, more, again) {
    return this.#session.call(pickLocale(this.locale, LOADERS), method, path, more, again);
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
      call: (method, path, again, more = {}) => this.#call(method, path, more, again),
      patch: (patch) => {
        this.#patch(patch);
        this.#showActive();
      },
      draft: () => this.#draft,
      replace: (settings) => {
        this.value = /** @type {SmtpSettings} */ (settings);
      },
      offers: () => this.#active?.offers ?? [],
      connect: (offer) => {
        // At once where it can be: a browser opens no window for a click of long ago.
        if (this.#connection) this.#connection.begin(offer);
        else this.#results().then(() => this.#connection?.begin(offer));
      },
      results: () => this.#results(),
      goOn: () => this.#session.goOn(),
      change: () => this.#change(),
      test: () => this.#act((actions) => actions.run('test')),
      rollback: () => this.#act((actions) => actions.rollback()),
      remove: () => this.#act((actions) => actions.remove()),
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
      call: (method, path, more, again) => form.#call(method, path, more, again),
      passes: () => form.#passes(),
      take: (issues) => form.#takeIssues(issues),
      activated: () => form.#activated(),
      removed: () => form.#activated(),
      enable: () => form.#enable(),
      announce: (text) => form.#announce(text),
      emit: (name, detail) => form.#emit(name, detail),
    };
  }

  #build() {
    this.#controls = new Controls();
    const context = this.#context();
    const act = {
      test: context.test,
      activate: () => this.#act((actions) => actions.run('activate')),
      stop: () => this.#actions?.stop(),
      discard: () => {
        this.#discard();
        this.#view.status.querySelector('button')?.focus();
      },
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
    this.#actions?.draw();
    restoreFocus(this.#root, focus);
    this.#prefetch();
  }

  #showActive() {
    if (!this.#built) return;
    const { status, editor, discard, context } = this.#view;
    const active = this.#root.activeElement;
    const focused = active && status.contains(active) ? active.getAttribute('part') : null;
    const left = active && editor.contains(active);
    const own = this.#active?.settings;
    // The settings that are in use are shown as a summary, until the admin wants to change them.
    const open = this.#changing || this.#preset || this.#dirty.size > 0 || (this.#active !== undefined && !own);
    const refused = this.#problem?.status === 401 || this.#problem?.status === 403;
    editor.hidden = !open && (!this.#problem || refused || own !== undefined);
    discard.hidden = !own;
    if (this.#problem) {
      const title = refused ? undefined : this.#t('status.unavailable');
      fill(status, problemView(this.#t, this.#problem, { title, retry: () => this.#retryLoad() }));
    } else if (this.#active === undefined) fill(status, h('p', { class: 'loading' }, this.#t('form.loading')));
    else fill(status, statusView(context, this.#active, open));
    // The element with the focus was removed or is hidden: the focus moves to the one in its place, or to the title.
    if (focused !== null || (left && editor.hidden)) {
      const next = focused && status.querySelector(`[part="${focused}"]`);
      /** @type {HTMLElement | null} */ (next || status.querySelector('h3, h4'))?.focus();
    }
    this.#offerSecrets();
    this.#connection?.draw(context);
  }

  #retryLoad() {
    return this.#session.interrupted ? this.#session.goOn() : this.#load();
  }

  #change() {
    this.#changing = true;
    this.#showActive();
    this.#controls.get('host').focus();
  }

  #enable() {
    this.#controls.disable(this.#disabled);
    if (!this.#built) return;
    for (const element of [this.#view.test, this.#view.activate]) {
      element.disabled = this.#disabled;
      // Not `disabled`: a disabled button would lose the focus while a test runs.
      element.setAttribute('aria-disabled', String(this.#waiting || this.#actions?.running === true));
    }
    this.#view.stop.hidden = !this.#actions?.running;
  }

  // --- the draft -----------------------------------------------------------------------------------------------------

  #untouch() {
    this.#preset = false;
    this.#changing = false;
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
    this.#couple(path);
    for (const other of DEPENDENT[path] ?? []) if (this.#dirty.has(other)) this.#touched.add(other);
    this.#controls.showUsed(this.#draft);
    this.#offerSecrets();
    this.#check();
    this.#notify();
  }

  // Port and encryption follow each other while one of them is untouched.
  /** @param {string} path */
  #couple(path) {
    const other = path === 'port' ? 'security' : 'port';
    if ((path !== 'port' && path !== 'security') || this.#dirty.has(other) || !this.#rules) return;
    const { issues } = this.#rules.validate(this.value, this.#options);
    const value = coupled(this.#draft, path, issues);
    if (value === null) return;
    setPath(this.#draft, other, value);
    this.#controls.get(other).set(value);
    const said = other === 'security' ? this.#t(`security.${value}`) : value;
    this.#announce(`${this.#t(`${other}.label`)}: ${said}`);
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
    // Neither the page's form nor what the browser keeps of the page gets a secret.
    const state = JSON.stringify(toSettings(withoutSecrets(this.#draft)));
    this.#internals.setFormValue?.(this.name ? state : null, state);
  }

  // --- the rules -----------------------------------------------------------------------------------------------------

  #check() {
    if (!this.#messages) return;
    const options = { locale: this.#t.locale, ...this.#options };
    this.#report = this.#rules?.validate(this.value, options) ?? { valid: true, issues: [] };
    this.#setFormValue();
    this.#showReport();
    this.#connection?.draw(this.#view.context);
  }

  #showReport() {
    const { issues } = this.#report;
    const { context, general, summary } = this.#view;
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
    this.#setValidity(issues);
  }

  // The page's own form waits for valid settings only where it asks for them: with `required`, or with `name` once
  // something was filled in.
  /** @param {Issue[]} issues */
  #setValidity(issues) {
    const filled = this.#dirty.size > 0 || this.#preset;
    const asked = this.hasAttribute('required') || (this.name && filled);
    const first = asked && issues.find(({ severity }) => severity === 'error');
    if (!first) return this.#internals.setValidity?.({});
    const place = this.#controls.nearest(first.field)?.targets()[0];
    this.#internals.setValidity?.({ customError: true }, first.message, place ?? this.#view.activate);
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
    this.#act((actions) => actions.again());
  }

  /** @param {string} path */
  #focusField(path) {
    const field = this.#controls.nearest(path);
    if (!field) return;
    if (this.#view.editor.hidden) this.#change();
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
    this.#touched.clear();
    this.#showReport();
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

const registry = globalThis.customElements;
if (registry && !registry.get('smtp-settings-form')) registry.define('smtp-settings-form', SmtpSettingsForm);
