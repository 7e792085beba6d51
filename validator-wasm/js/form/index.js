// <smtp-settings-form>: the element. editing.js has what is in the form, current.js what is in use, later.js what is loaded after
// the status; the other modules draw. It needs no inline style and no eval: script-src 'self' 'wasm-unsafe-eval' is enough.

/**
 * @import { SmtpSettings } from '../index.js'
 * @import * as published from './index.js'
 * @import { Hooks, Messages, View } from '../../types/form.js'
 */

import * as validator from '../index.js';
import { PLATFORM } from './active.js';
import { contextOf } from './context.js';
import { Current } from './current.js';
import { fill, h } from './dom.js';
import { toDraft } from './draft.js';
import { Editing } from './editing.js';
import { languageOf, takeOver } from './element.js';
import { Later, loadResults } from './later.js';
import { LOADERS } from './lists.js';
import { buildLayout, buildLoadError, openUsed, saveFocus, restoreFocus } from './layout.js';
import { Membership } from './membership.js';
import { Session } from './session.js';
import css from './css.js';
import { dress } from './style.js';
import { loadMessages, pickLocale } from './messages.js';

// A server that renders pages has no elements: there the module loads and defines nothing.
const Element = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (/** @type {unknown} */ (class {}));

/**
 * The form for the SMTP settings of a customer.
 *
 * @tagname smtp-settings-form
 * @implements {published.SmtpSettingsForm}
 * @attr {string} api - Base URL of the HTTP API.
 * @attr {string} locale - Language tag; without one, the language of the page.
 * @attr {string} name - Makes the settings, without secrets, a part of the surrounding `<form>`.
 * @attr {boolean} required - Holds up the surrounding `<form>` until the settings are valid.
 * @fires {CustomEvent<ChangeDetail>} smtp-change - The admin has changed the settings in the form, or what was said of the last change is no longer so: `{valid, issues, settings}`, never a typed secret.
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
  /** @internal */
  static formAssociated = true;
  static observedAttributes = ['api', 'locale', 'name', 'required'];

  #membership = new Membership(this);
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
  /**
   * The parts of the form; null until it is built.
   * @type {View | null}
   */
  #built = null;
  #starts = 0;
  #disabled = false;
  #session = new Session(this);
  #hooks = this.#makeHooks();
  #editing = new Editing(this.#hooks);
  #current = new Current(this.#hooks);
  #later = new Later(this.#hooks);

  connectedCallback() {
    takeOver(this, ['api', 'locale', 'name', 'required', 'getToken', 'value', 'options']);
    dress(this.#root, css);
    this.#editing.watch();
    // An element that was only moved is not rebuilt.
    if (this.#messages?.locale !== pickLocale(this.locale, LOADERS)) this.#start();
  }

  disconnectedCallback() {
    this.#editing.unwatch();
    this.#later.stop();
  }

  /**
   * @param {string} name
   * @param {string | null} before
   * @param {string | null} now
   */
  attributeChangedCallback(name, before, now) {
    if (before === now || !this.isConnected || !this.#messages) return;
    if (name === 'name' || name === 'required') return this.#editing.check();
    if (name === 'api') {
      this.#current.forget();
      this.#session.forget();
    }
    this.#start();
  }

  // --- properties ----------------------------------------------------------------------------------------------------

  /** The attribute `api`. */
  get api() {
    return this.getAttribute('api') ?? '';
  }
  set api(value) {
    this.setAttribute('api', value);
  }
  /** The attribute `locale`; without one, the language of the page. */
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
    else if (this.#messages && this.isConnected && this.#current.active === undefined) this.#current.load();
  }

  /** The operator's `{allowPorts, allowNetworks}`, as the server has them; they may come at any time. */
  get options() {
    return { ...this.#options };
  }
  set options(value) {
    this.#options = { ...value };
    this.#editing.check();
  }

  /** The settings in the form, with typed secrets until they are saved. It also takes the answer of `GET /smtp`. */
  get value() {
    return this.#editing.settings;
  }
  set value(settings) {
    this.#editing.replace(toDraft(settings));
    this.#editing.preset = true;
    this.#current.show();
  }

  // --- as a part of a <form> -----------------------------------------------------------------------------------------

  /** The surrounding `<form>`, or null. */
  get form() {
    return this.#membership.internals.form;
  }
  /** The attribute `name`, or null. */
  get name() {
    return this.getAttribute('name');
  }
  set name(value) {
    if (value === null || value === undefined) this.removeAttribute('name');
    else this.setAttribute('name', value);
  }
  /** Whether the attribute `required` is there. */
  get required() {
    return this.hasAttribute('required');
  }
  set required(value) {
    this.toggleAttribute('required', Boolean(value));
  }
  /** As of every form control. */
  get validity() {
    return this.#membership.internals.validity;
  }
  /** As of every form control. */
  get validationMessage() {
    return this.#membership.internals.validationMessage;
  }
  /** As of every form control. */
  get willValidate() {
    return this.#membership.internals.willValidate;
  }
  /** As of every form control. */
  checkValidity() {
    return this.#membership.internals.checkValidity?.() ?? true;
  }
  /** As of every form control; also shows the issues of all fields. */
  reportValidity() {
    if (this.#built) this.#editing.touchAll();
    return this.checkValidity();
  }
  /** @internal */
  formResetCallback() {
    this.#editing.replace(toDraft(this.#current.active?.settings));
  }
  /**
   * @internal
   * @param {boolean} disabled
   */
  formDisabledCallback(disabled) {
    this.#disabled = disabled;
    this.#enable();
  }
  /**
   * @internal
   * @param {string} state
   */
  formStateRestoreCallback(state) {
    try {
      this.#editing.replace(toDraft(JSON.parse(state)));
      this.#editing.preset = true;
      this.#current.show();
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
    const asked = this.#current.active !== undefined || this.#current.asking || !this.api;
    // An element that was put back before it has loaded has started twice.
    const load = () => (start === this.#starts ? this.#current.load() : undefined);
    if (!asked) (this.#getToken ? Promise.resolve() : turn).then(load);
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
    this.#editing.rules = loaded[1].status === 'fulfilled' ? validator : null;
    this.#messages = messages.value;
    if (!this.api) this.#current.active = PLATFORM;
    this.#build();
  }

  // The messages of a language, with those of what is shown below the status.
  /** @param {string} locale */
  async #loadMessages(locale) {
    const messages = await loadMessages(locale, LOADERS);
    if (this.#later.loaded) await loadResults(this.#root, messages);
    return messages;
  }

  /** Loads the active settings again, and drops the changes in the form. */
  async reload() {
    this.#untouch();
    await this.#current.load();
    this.#discard();
  }

  // Drops the changes in the form.
  #discard() {
    this.#untouch();
    this.#editing.replace(toDraft(this.#current.active?.settings));
    this.#current.show();
  }

  #untouch() {
    this.#current.changing = false;
    this.#editing.untouch();
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
   * The part of the form that its state uses: how it stands at the moment, and functions to go on.
   * @returns {Hooks}
   */
  #makeHooks() {
    const form = this;
    return {
      root: this.#root,
      session: this.#session,
      get editing() {
        return form.#editing;
      },
      get current() {
        return form.#current;
      },
      get later() {
        return form.#later;
      },
      get built() {
        return form.#built !== null;
      },
      get t() {
        return form.#t;
      },
      get view() {
        return form.#view;
      },
      get options() {
        return form.#options;
      },
      call: (method, path, more, again) =>
        this.#session.call(pickLocale(this.locale, LOADERS), method, path, more, again),
      replace: (settings) => {
        this.value = /** @type {SmtpSettings} */ (settings);
      },
      activated: () => this.#activated(),
      enable: () => this.#enable(),
      membership: this.#membership,
      announce: (text) => this.#announce(text),
      emit: (name, detail) => this.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true, detail })),
    };
  }

  #build() {
    const editing = this.#editing;
    editing.begin();
    const context = contextOf(this.#hooks);
    const act = {
      test: context.test,
      activate: () => this.#later.act((actions) => actions.run('activate')),
      stop: () => this.#later.stop(),
      discard: () => {
        this.#discard();
        this.#view.status.querySelector('button')?.focus();
      },
      load: () => this.#start(),
    };
    this.#built = { context, ...buildLayout(context, { checking: editing.rules !== null, act }) };
    const focus = saveFocus(this.#root);
    // A rebuild takes the focus away, but the admin has not left the field.
    editing.resting = true;
    fill(this.#root, this.#view.root, this.#live);
    editing.resting = false;
    editing.controls.write(editing.draft);
    this.#current.show();
    openUsed(this.#root, editing.draft);
    editing.check();
    this.#enable();
    this.#later.drawResult();
    restoreFocus(this.#root, focus);
    this.#later.prefetch();
  }

  #enable() {
    this.#editing.controls.disable(this.#disabled);
    if (!this.#built) return;
    for (const element of [this.#view.test, this.#view.activate]) {
      element.disabled = this.#disabled;
      // Not `disabled`: a disabled button would lose the focus while a test runs.
      element.setAttribute('aria-disabled', String(this.#later.busy));
    }
    this.#view.stop.hidden = !this.#later.running;
  }

  async #activated() {
    this.#editing.forgetSecrets();
    this.#untouch();
    await this.#current.load();
    this.#editing.calm();
  }

  /** @param {string} text */
  #announce(text) {
    // A screen reader announces a text again only if it has changed.
    this.#live.textContent = this.#live.textContent === text ? `${text}\u00a0` : text;
  }
}

const registry = globalThis.customElements;
if (registry && !registry.get('smtp-settings-form')) registry.define('smtp-settings-form', SmtpSettingsForm);
