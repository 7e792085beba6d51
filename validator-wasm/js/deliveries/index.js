// <smtp-deliveries>: the ledger for a product's own pages. Its state; the modules beside this one draw it.

/**
 * @import * as published from './index.js'
 * @import { Messages, Problem } from '../../types/form.js'
 * @import { Delivery, Filters, Looks, RowActs } from '../../types/deliveries.js'
 * @import { InspectAbout } from '../../types/inspect.js'
 */

import { askActive } from '../form/active.js';
import { ApiError } from '../form/api.js';
import { button, confirm, fill, h } from '../form/dom.js';
import { languageOf, takeOver } from '../form/element.js';
import { loadMessages, pickLocale } from '../form/messages.js';
import { problemView } from '../form/problem.js';
import { Session } from '../form/session.js';
import { dress } from '../form/style.js';
import css from './css.js';
import { areEmpty, asked, filterBar, matches, noFilters } from './filters.js';
import { LOADERS } from './lists.js';
import { canCancel, canResend, mailView, marker, summaryLine } from './row.js';

// The API's pages may be short where it does not know a filter: so many are read for one page here.
const MOST_PAGES = 10;
const PAGE = 25;

const Element = globalThis.HTMLElement ?? /** @type {typeof HTMLElement} */ (/** @type {unknown} */ (class {}));

/**
 * The ledger: every mail, and what became of it.
 *
 * It takes the custom properties of `<smtp-settings-form>`.
 *
 * @tagname smtp-deliveries
 * @implements {published.SmtpDeliveries}
 * @attr {string} api - Base URL of the HTTP API.
 * @attr {string} locale - Language tag; without one, the language of the page.
 * @attr {boolean} readonly - Mail may only be looked at.
 * @fires {CustomEvent<null>} smtp-deliveries-change - Mail was sent again, stopped or released.
 * @fires {CustomEvent<UnauthorizedDetail>} smtp-unauthorized - The session has ended or `getToken` was rejected: `{retry}`, to call after a new sign-in.
 * @csspart deliveries - Everything.
 * @csspart filters - The filters; each has a `label` and an `input` or `select`.
 * @csspart bulk - What can be done with many at once.
 * @csspart list - The list.
 * @csspart row - A mail; `choose` is its check box, `state` (`state-sent`, …) its status.
 * @csspart timeline - The timeline of a mail.
 * @csspart note - Below the list.
 * @csspart button - A button; also `resend-button`, `cancel-button`, `release-button`, `resend-many-button`, `cancel-many-button`, `resend-all-button`, `more-button`, `clear-button`.
 * @csspart banner - A problem; also `banner-bad`.
 * @csspart inspect - The disclosure for a look into the received mail; `inspector` is its content, `inspect-report` the report with its `findings` (each a `finding`, also `finding-error` or `finding-warning`) and `hops` (each a `hop`).
 * @csspart disclosure - What unfolds in the look into a received mail.
 * @csspart dialog - A question.
 */
export class SmtpDeliveries extends Element {
  static observedAttributes = ['api', 'locale', 'readonly'];

  #root = this.attachShadow({ mode: 'open', delegatesFocus: true });
  #live = h('div', { class: 'sr', role: 'status', 'aria-live': 'polite' });
  /** @type {(() => Promise<string | null | undefined>) | null} */
  #getToken = null;
  #session = new Session(this);
  /** @type {Messages | null} */
  #messages = null;
  /** @type {Filters} */
  #filters = noFilters();
  /** @type {Delivery[]} */
  #rows = [];
  /** @type {string | null} */
  #cursor = null;
  /**
   * The items of the rows, by id: a row that has not changed keeps its item, so that an open one stays open.
   * @type {Map<string, { item: HTMLElement, text: string }>}
   */
  #items = new Map();
  /** The ids of the rows that were open when a filter hid them. @type {Set<string>} */
  #opened = new Set();
  /** The ids of the rows that are chosen. @type {Set<string>} */
  #chosen = new Set();
  #starts = 0;
  #loads = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #typing;
  #list = h('ul', { class: 'list', part: 'list' });
  #bulk = h('div', { class: 'bulk', part: 'bulk' });
  #note = h('div', { class: 'note', part: 'note' });
  #place = h('div', { class: 'slot' });

  connectedCallback() {
    takeOver(this, ['api', 'locale', 'readonly', 'getToken', 'filters']);
    dress(this.#root, css);
    if (this.#messages?.locale !== pickLocale(this.locale, LOADERS)) this.#start();
  }

  /**
   * @param {string} name
   * @param {string | null} before
   * @param {string | null} now
   */
  attributeChangedCallback(name, before, now) {
    if (before === now || !this.isConnected || !this.#messages) return;
    if (name === 'api') this.#session.forget();
    this.#start();
  }

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
  /** Whether the mail may only be looked at. */
  get readonly() {
    return this.hasAttribute('readonly');
  }
  set readonly(value) {
    this.toggleAttribute('readonly', Boolean(value));
  }
  /** An async function that gives the bearer token for each call. */
  get getToken() {
    return this.#getToken;
  }
  set getToken(value) {
    this.#getToken = typeof value === 'function' ? value : null;
    if (this.#session.interrupted) this.#session.goOn();
  }
  /** What the list is narrowed to: `{recipient, status, category, since, until}`, each a text; `since` and `until` are days of the reader, as `2026-11-30`. */
  get filters() {
    return { ...this.#filters };
  }
  set filters(value) {
    this.#filters = { ...noFilters(), ...value };
    if (!this.#messages) return;
    this.#build();
    this.#look();
  }

  /** Loads the rows that are shown again; what is open, chosen and focused stays. */
  async refresh() {
    if (this.#messages) await this.#look(Math.max(PAGE, this.#rows.length));
  }

  get #t() {
    if (!this.#messages) throw new Error('no messages are loaded yet');
    return this.#messages;
  }

  async #start() {
    const start = ++this.#starts;
    if (!this.#messages) fill(this.#root, h('p', { class: 'loading', role: 'status' }, '…'));
    // A page may set `getToken` right after its imports.
    const turn = new Promise((resolve) => setTimeout(resolve));
    const messages = await loadMessages(pickLocale(this.locale, LOADERS), LOADERS).catch(() => null);
    await turn;
    if (start !== this.#starts || !this.isConnected || !globalThis.document) return;
    if (messages) {
      this.#messages = messages;
      this.#items.clear();
      this.#build();
      await this.#look();
    } else if (!this.#messages) {
      fill(
        this.#root,
        h('p', { class: 'loading', role: 'alert', lang: 'en' }, 'This list could not be loaded.'),
        button('Try again', { lang: 'en', click: () => this.#start() }),
      );
    }
  }

  #build() {
    const t = this.#t;
    const changed = (/** @type {Filters} */ filters) => {
      this.#filters = filters;
      // Not at each key: the API counts its calls.
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#look(), 250);
    };
    fill(
      this.#root,
      h(
        'section',
        { class: 'deliveries', part: 'deliveries', 'aria-label': t('deliveries.label'), lang: t.locale },
        filterBar(t, this.#filters, changed),
        this.#place,
        this.#bulk,
        this.#list,
        this.#note,
      ),
      this.#live,
    );
  }

  // Loads `count` rows, or the next page after those that are shown.
  async #look(count = PAGE, further = false) {
    if (!this.api) return;
    const load = ++this.#loads;
    const filters = this.#filters;
    /** @type {Delivery[]} */
    const rows = further ? [...this.#rows] : [];
    const wanted = rows.length + count;
    let cursor = further ? this.#cursor : null;
    try {
      for (let page = 0; page < MOST_PAGES && rows.length < wanted; page += 1) {
        const query = new URLSearchParams({ ...asked(filters), ...(cursor ? { cursor } : {}) });
        const { body } = await this.#call('GET', `/deliveries?${query}`, () => this.#look(count, further));
        if (load !== this.#loads) return;
        rows.push(...body.deliveries.filter((/** @type {Delivery} */ row) => matches(row, filters)));
        cursor = body.cursor ?? null;
        if (cursor === null) break;
      }
      this.#rows = rows;
      this.#cursor = cursor;
      this.#problem(null);
      this.#show();
    } catch (error) {
      if (load === this.#loads) this.#problem(ApiError.of(error), () => this.#look(count, further));
    }
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {() => unknown} again
   * @param {unknown} [body]
   */
  #call(method, path, again, body) {
    return this.#session.call(this.#t.locale, method, path, { body }, again);
  }

  /**
   * @param {Problem | null} problem
   * @param {() => unknown} [again]
   */
  #problem(problem, again) {
    const retry = () => (this.#session.interrupted ? this.#session.goOn() : again?.());
    fill(this.#place, problem && problemView(this.#t, problem, { retry }));
  }

  #show() {
    const t = this.#t;
    const ids = new Set(this.#rows.map(({ id }) => id));
    for (const [id, { item }] of this.#items) {
      if (ids.has(id)) continue;
      if (item.querySelector('details')?.open) this.#opened.add(id);
      this.#items.delete(id);
    }
    for (const id of this.#chosen) if (!ids.has(id)) this.#chosen.delete(id);
    const items = this.#rows.map((row) => this.#draw(row));
    // Items that stay in their place are not moved: they would lose the focus.
    for (const [at, item] of items.entries())
      if (this.#list.children[at] !== item) this.#list.insertBefore(item, this.#list.children[at] ?? null);
    while (this.#list.children.length > items.length) this.#list.lastElementChild?.remove();
    const { recipient } = this.#filters;
    const alone = recipient && areEmpty({ ...this.#filters, recipient: '' });
    const none = alone ? 'list.none.recipient' : areEmpty(this.#filters) ? 'list.none' : 'list.none.filtered';
    const more = button(t('list.more'), {
      look: 'quiet',
      part: 'button more-button',
      click: () => this.#look(PAGE, true),
    });
    fill(
      this.#note,
      items.length === 0 ? h('p', { class: 'muted' }, t(none, { recipient })) : null,
      this.#cursor === null ? null : more,
    );
    this.#showBulk();
  }

  /** @param {Delivery} row */
  #draw(row) {
    const t = this.#t;
    const text = JSON.stringify([row, this.readonly]);
    const known = this.#items.get(row.id);
    if (known?.text === text) return known.item;
    const item = known?.item ?? h('li', {});
    const open = item.querySelector('details')?.open ?? this.#opened.delete(row.id);
    const choose = this.#choice(row);
    fill(
      item,
      choose,
      h(
        'details',
        { class: 'mail', part: 'row', open, 'data-id': row.id, 'data-status': row.status },
        h('summary', {}, marker(), h('span', { class: 'line' }, summaryLine(t, row))),
        mailView(t, row, this.readonly ? null : this.#acts, this.#looks),
      ),
    );
    this.#items.set(row.id, { item, text });
    return item;
  }

  /** @param {Delivery} row */
  #choice(row) {
    if (this.readonly) return null;
    const box = h('input', {
      type: 'checkbox',
      part: 'choose',
      'aria-label': this.#t('choose.one', { recipient: row.recipient }),
      disabled: !canResend(row) && !canCancel(row),
      on: {
        change: () => {
          if (box.checked) this.#chosen.add(row.id);
          else this.#chosen.delete(row.id);
          this.#showBulk();
        },
      },
    });
    box.checked = this.#chosen.has(row.id);
    return box;
  }

  // What can be done with many rows at once.
  #showBulk() {
    const t = this.#t;
    const possible = this.#rows.filter((row) => canResend(row) || canCancel(row));
    if (this.readonly || possible.length === 0) return fill(this.#bulk);
    const rows = this.#rows.filter(({ id }) => this.#chosen.has(id));
    const resend = rows.filter(canResend);
    const cancel = rows.filter(canCancel);
    /** @type {HTMLInputElement} */
    const all = h('input', {
      type: 'checkbox',
      id: 'all',
      on: { change: () => this.#chooseAll(all.checked, possible) },
    });
    all.checked = rows.length === possible.length;
    all.indeterminate = rows.length > 0 && !all.checked;
    /**
     * @param {string} name
     * @param {Delivery[]} some
     * @param {() => void} click
     */
    const act = (name, some, click) =>
      some.length === 0
        ? null
        : button(t(`${name}.many`, { count: some.length }), {
            look: 'small',
            part: `button ${name}-many-button`,
            click,
          });
    const { status } = this.#filters;
    fill(
      this.#bulk,
      h('label', { class: 'all', for: 'all' }, all, h('span', {}, t('choose.all'))),
      rows.length > 0 ? h('span', { class: 'muted' }, t('chosen', { count: rows.length })) : null,
      act('resend', resend, () => this.#acts.resend(resend)),
      act('cancel', cancel, () => this.#acts.cancel(cancel)),
      status === 'failed' || status === 'unknown'
        ? button(t('resend.all'), {
            look: 'quiet small',
            part: 'button resend-all-button',
            click: () => this.#resendAll(),
          })
        : null,
    );
  }

  /**
   * @param {boolean} chosen
   * @param {Delivery[]} rows
   */
  #chooseAll(chosen, rows) {
    this.#chosen = new Set(chosen ? rows.map(({ id }) => id) : []);
    for (const [id, { item }] of this.#items) {
      const box = /** @type {HTMLInputElement | null} */ (item.querySelector('input[type="checkbox"]'));
      if (box) box.checked = this.#chosen.has(id);
    }
    this.#showBulk();
    /** @type {HTMLElement | null} */ (this.#root.querySelector('#all'))?.focus();
  }

  // --- what a person may do ------------------------------------------------------------------------------------------

  /** @type {RowActs} */
  #acts = {
    resend: async (rows) => {
      const t = this.#t;
      const risk = rows.some(({ status }) => status === 'unknown') ? ` ${t('resend.text.unknown')}` : '';
      const yes = rows.length === 1 ? t('resend') : t('resend.many', { count: rows.length });
      const asks = {
        title: t('resend.title'),
        text: t('resend.text') + risk,
        yes,
        no: t('form.cancel'),
        danger: false,
      };
      if (await confirm(this.#root, asks)) await this.#each(rows, 'resend');
    },
    cancel: async (rows) => {
      const t = this.#t;
      const asks = { title: t('cancel.title'), text: t('cancel.text'), yes: t('cancel.confirm'), no: t('keep') };
      if (await confirm(this.#root, asks)) await this.#each(rows, 'cancel');
    },
    release: () =>
      this.#perform(async () => {
        const { body } = await this.#call('POST', '/held/release', () => this.#acts.release());
        return Number.isInteger(body?.released)
          ? this.#t('release.done', { count: body.released })
          : this.#t('resend.all.done');
      }),
  };

  /** The received mails that a person looks into, by the ids of their rows. @type {Map<string, InspectAbout['kept']>} */
  #kept = new Map();
  /** @type {Looks} */
  #looks = {
    announce: (text) => this.#announce(text),
    kept: ({ id }) => {
      const kept = this.#kept.get(id) ?? {};
      this.#kept.set(id, kept);
      return kept;
    },
    expected: async ({ route, revision }, again) => {
      if (route === 'platform') return { note: 'platform' };
      try {
        const active = await askActive((method, path) => this.#call(method, path, again));
        const { settings } = active;
        // The mail went by the settings of its own revision.
        if (!settings || (revision && active.revision && revision !== active.revision)) return { note: 'changed' };
        return { sender: settings.senderAddress, host: settings.host };
      } catch {
        return { note: 'unloaded' };
      }
    },
  };

  async #resendAll() {
    const t = this.#t;
    const yes = t('resend.all').replace(/\s*…$/, '');
    const asks = { title: t('resend.all.title'), text: t('resend.all.text'), yes, no: t('form.cancel'), danger: false };
    if (!(await confirm(this.#root, asks))) return;
    const { status, category, since = new Date(0).toISOString(), until } = asked(this.#filters);
    const body = { status, since, ...(until ? { until } : {}), ...(category ? { category } : {}) };
    const send = () =>
      this.#perform(async () => {
        await this.#call('POST', '/deliveries/resend', send, body);
        return t('resend.all.done');
      });
    await send();
  }

  /**
   * Does it with each row; what is refused stays, and is said.
   * @param {Delivery[]} rows
   * @param {'resend' | 'cancel'} what
   */
  async #each(rows, what) {
    let left = rows;
    const go = () =>
      this.#perform(async () => {
        /** @type {unknown} */
        let refused = null;
        for (const row of left) {
          try {
            await this.#call('POST', `/deliveries/${encodeURIComponent(row.id)}/${what}`, go);
          } catch (error) {
            if (ApiError.of(error).status === 401) throw error;
            refused ??= error;
            continue;
          }
          left = left.filter((other) => other !== row);
          this.#chosen.delete(row.id);
        }
        if (refused === null) return this.#t(`${what}.done`);
        const done = rows.length - left.length;
        if (rows.length > 1) this.#announce(this.#t('partly', { done, all: rows.length }));
        throw refused;
      });
    await go();
  }

  /** @param {() => Promise<string>} action */
  async #perform(action) {
    try {
      const said = await action();
      await this.refresh();
      this.#announce(said);
      this.dispatchEvent(new CustomEvent('smtp-deliveries-change', { bubbles: true, composed: true }));
    } catch (error) {
      await this.refresh();
      this.#problem(ApiError.of(error));
    }
  }

  /** @param {string} text */
  #announce(text) {
    this.#live.textContent = this.#live.textContent === text ? `${text}\u00a0` : text;
  }
}

const registry = globalThis.customElements;
if (registry && !registry.get('smtp-deliveries')) registry.define('smtp-deliveries', SmtpDeliveries);
