// "Connect with…": an admin signs in to a mailbox at a provider in a window of its own, and the form fills in what comes
// of it. Where the browser blocks the window, the provider takes the page's place, and the way back is the page's fragment.

/**
 * @import { Child, FormContext, Offer } from '../../types/form.js'
 */

import { ApiError } from '../form/api.js';
import { connectButton } from '../form/connection.js';
import { button, disclosure, fill, h, icon } from '../form/dom.js';
import { withoutSecrets } from '../form/draft.js';
import { banner, problemView, setLevel } from '../form/problem.js';

/** Where the settings in the form wait while the provider is in the page's place. */
const KEPT = 'ownpost-connect';

const PART = 'button connect-button';

/**
 * @typedef {{ granted: string, provider: string, username?: string | null }} Brought what a connection has brought
 * @typedef {{ kind: 'waiting', offer: Offer, id: string, url: string, blocked: boolean }
 *   | { kind: 'failed', problem: { code: string, message: string, remedy: string } }
 *   | { kind: 'refused', offer: Offer, error: ApiError }} State
 */

export class Connection {
  /** @type {FormContext} */
  #form;
  /** @type {State | null} */
  #state = null;
  #drawn = '';
  #stopper = new AbortController();

  /**
   * Draws the connection into a form, if it shows anything else than before.
   * @param {FormContext} form
   */
  draw(form) {
    if (this.#form !== form) this.#drawn = '';
    this.#form = form;
    this.#return();
    const { root } = form.controls.get('oauth2.provider');
    const { username, oauth2 } = form.draft();
    const { provider, refreshToken } = oauth2;
    const offers = form.offers();
    const drawn = JSON.stringify([this.#state, provider, provider && username, refreshToken, offers, form.t.locale]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    root.hidden = offers.length === 0 && provider === '';
    const place = /** @type {HTMLElement} */ (root.firstElementChild);
    const focused = /** @type {ShadowRoot | Document} */ (place.getRootNode()).activeElement;
    const had = focused !== null && place.contains(focused);
    fill(place, root.hidden ? null : this.#view(offers, provider));
    setLevel(place, 4);
    if (had) place.querySelector('h4')?.focus();
  }

  /**
   * @param {Offer[]} offers
   * @param {string} provider
   */
  #view(offers, provider) {
    return h(
      'div',
      { class: 'connect', role: 'group', 'aria-labelledby': 'connect-title' },
      provider ? this.#connected(offers, provider) : this.#intro(offers),
      this.#stateView(),
    );
  }

  /** @param {Offer[]} offers */
  #intro(offers) {
    const { t } = this.#form;
    return [
      h('h4', { id: 'connect-title', tabindex: '-1' }, t('connect.title')),
      h('p', { class: 'muted' }, t('connect.text')),
      h(
        'div',
        { class: 'actions' },
        offers.map((offer) => connectButton(this.#form, offer, 'plain')),
      ),
      disclosure(
        t('connect.how'),
        { class: 'how' },
        h(
          'ol',
          {},
          ['window', 'consent', 'test'].map((step) => h('li', {}, t(`connect.how.${step}`))),
        ),
      ),
    ];
  }

  /**
   * @param {Offer[]} offers
   * @param {string} provider
   */
  #connected(offers, provider) {
    const { t, patch, draft } = this.#form;
    const { username, oauth2 } = draft();
    const offer = offers.find((one) => one.provider === provider);
    const state = oauth2.refreshToken?.granted ? 'new' : oauth2.refreshToken?.keep ? 'stored' : 'missing';
    const byHand = () => {
      this.#end(null);
      patch({ oauth2: { provider: null, refreshToken: null } });
    };
    return [
      h(
        'h4',
        { id: 'connect-title', class: state, tabindex: '-1' },
        icon(state === 'missing' ? 'alert' : 'check'),
        h('span', { dir: 'auto' }, t(`connect.${state}`, { name: offer?.name ?? provider, username })),
      ),
      h('p', { class: 'muted' }, t(`connect.${state}.text`)),
      h(
        'div',
        { class: 'actions' },
        offer ? button(t('connect.again'), { look: 'quiet small', part: PART, click: () => this.begin(offer) }) : null,
        button(t('connect.by_hand'), { look: 'quiet small', click: byHand }),
      ),
    ];
  }

  /** @returns {Child} */
  #stateView() {
    const state = this.#state;
    if (!state) return null;
    const { t } = this.#form;
    if (state.kind === 'refused') {
      const again = () => (state.error.status === 401 ? this.#form.goOn() : this.begin(state.offer));
      return problemView(t, state.error, { retry: again });
    }
    if (state.kind === 'failed') {
      const { code, message, remedy } = state.problem;
      return banner(
        'bad',
        message,
        h('p', { dir: 'auto' }, remedy),
        h('p', { class: 'small muted' }, t('problem.code', { code })),
      );
    }
    const { name } = state.offer;
    const cancel = button(t('form.cancel'), { look: 'quiet small', click: () => this.#end(null) });
    if (!state.blocked)
      return h('div', { class: 'wait' }, h('p', {}, t('connect.waiting', { name })), h('div', {}, cancel));
    return h(
      'div',
      { class: 'wait' },
      h('p', {}, t('connect.blocked', { name })),
      h(
        'div',
        { class: 'actions' },
        // The window tells this page how it ended, so it must know who has opened it.
        h(
          'a',
          { class: 'button primary', part: 'button open-button', href: state.url, target: '_blank', rel: 'opener' },
          t('connect.open', { name }),
        ),
        button(t('connect.here'), { look: 'plain', click: () => this.#goHere(state.url) }),
        cancel,
      ),
      h('p', { class: 'small muted' }, t('connect.here.note')),
    );
  }

  /**
   * Begins a connection. The window is opened in the click itself: browsers block a later one.
   * @param {Offer} offer
   */
  async begin(offer) {
    this.#end(null);
    const stopper = new AbortController();
    this.#stopper = stopper;
    const { signal } = stopper;
    const opened = globalThis.open?.('', '_blank', 'popup,width=520,height=720') ?? null;
    signal.addEventListener('abort', () => opened?.close());
    addEventListener('message', (event) => this.#heard(event), { signal });
    const { username, senderAddress } = this.#form.draft();
    const hint = [username, senderAddress].find((text) => /^\S{1,255}$/.test(text));
    const body = { provider: offer.provider, username: hint };
    try {
      const again = () => this.begin(offer);
      const { body: begun } = await this.#form.call('POST', '/smtp/oauth/start', again, { body, signal });
      if (!/^https:\/\//.test(begun?.url)) throw new ApiError(502, null);
      if (opened) opened.location.href = begun.url;
      this.#show({ kind: 'waiting', offer, id: begun.id, url: begun.url, blocked: opened === null });
      const { t } = this.#form;
      this.#form.announce(t(opened ? 'connect.waiting' : 'connect.blocked', { name: offer.name }));
    } catch (error) {
      if (!signal.aborted) this.#end({ kind: 'refused', offer, error: ApiError.of(error) });
    }
  }

  /** @param {State | null} state */
  #show(state) {
    this.#state = state;
    this.draw(this.#form);
  }

  // Ends the wait for a window.
  /** @param {State | null} state */
  #end(state) {
    this.#stopper.abort();
    this.#show(state);
  }

  /** @param {MessageEvent} event */
  #heard({ data }) {
    const state = this.#state;
    if (state?.kind !== 'waiting' || data?.type !== 'ownpost-connect' || data.id !== state.id) return;
    if (typeof data.granted === 'string') return this.#take(data);
    const { problem } = data;
    if (typeof problem?.message !== 'string') return;
    // The window stays: it says the same, and how to go on.
    this.#stopper = new AbortController();
    this.#show({ kind: 'failed', problem });
    this.#form.announce(`${problem.message} ${problem.remedy}`);
  }

  // Fills in what a connection has brought, and the provider's server.
  /** @param {Brought} brought */
  #take({ granted, provider, username }) {
    const { t, draft, offers, patch, suggest, announce, controls } = this.#form;
    const offer = offers().find((one) => one.provider === provider);
    const { host, port, security } = (offer?.host && suggest(offer.host)) || { host: offer?.host };
    const name = username || draft().username;
    this.#end(null);
    patch({
      ...(host ? { host } : {}),
      ...(port ? { port, security } : {}),
      authMethod: 'oauth2',
      ...(username ? { username } : {}),
      ...(username && draft().senderAddress === '' ? { senderAddress: username } : {}),
      oauth2: {
        grant: 'refresh_token',
        provider,
        refreshToken: { granted },
        ...{ tokenUrl: null, clientId: null, clientSecret: null, clientSecretExpires: null, scope: null },
      },
    });
    announce(t('connect.new', { name: offer?.name ?? provider, username: name }));
    controls.get('oauth2.provider').root.querySelector('h4')?.focus();
  }

  // --- the provider in the page's place ------------------------------------------------------------------------------

  /** @param {string} url */
  #goHere(url) {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(withoutSecrets(this.#form.draft())));
    } catch {
      // A page without storage comes back without what was typed.
    }
    location.assign(url);
  }

  // What has come back in the page's address; it is taken out of there at once.
  #return() {
    const fragment = new URLSearchParams(location.hash.slice(1));
    const granted = fragment.get('granted');
    const provider = fragment.get('provider');
    if (!granted || !provider) return;
    // A page may have an address of its own in the fragment.
    const rest = location.hash.replace(/[#&]granted=.*$/, '');
    history.replaceState(history.state, '', location.pathname + location.search + rest);
    try {
      const kept = sessionStorage.getItem(KEPT);
      sessionStorage.removeItem(KEPT);
      if (kept) this.#form.replace(JSON.parse(kept));
    } catch {
      // There is nothing that can be read.
    }
    this.#take({ granted, provider, username: fragment.get('username') });
  }
}
