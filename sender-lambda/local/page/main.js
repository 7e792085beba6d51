// The page of `ownpost local`: sign in, then the form, the events, the ledger and the caught mail.

/**
 * @import { SmtpDeliveries } from '/validator/deliveries/index.js'
 * @import { SmtpSettingsForm } from '/validator/form/index.js'
 */

import { LOADERS } from '/validator/src/form/lists.js';

import { at, h, typed } from './dom.js';
import { caughtMail } from './mail.js';
import { sendPanel } from './send.js';
import { session, signIn, signOut } from './session.js';

function enter() {
  at('enter').hidden = false;
  at('enter-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      await signIn(typed('tenant'), typed('email'));
      location.reload();
    } catch (error) {
      at('enter-error').textContent = /** @type {Error} */ (error).message;
      at('enter-error').hidden = false;
    }
  });
}

/** @param {{ tenant: string, email: string }} session */
async function work({ tenant, email }) {
  at('session').hidden = false;
  at('who').append(h('strong', {}, tenant), ` · ${email}`);
  at('leave').addEventListener('click', signOut);

  /** @type {{ relays: any[], allow: { networks: string[], ports: number[] } }} */
  const { relays, allow } = await fetch('/dev/relays').then((response) => response.json());
  const form = h('smtp-settings-form', { api: '/api', id: 'form' });
  form.getToken = async () => session()?.token;
  // The form may use the embedded relays although they are on this machine, and the networks that the operator
  // allows.
  form.options = { allowNetworks: allow.networks, allowPorts: allow.ports };
  const rows = h('smtp-deliveries', { api: '/api', id: 'deliveries' });
  rows.getToken = form.getToken;
  language([form, rows]);
  await Promise.all([import('/validator/form/index.js'), import('/validator/deliveries/index.js')]);
  at('form-place').append(form);
  at('ledger').append(rows);
  at('work').hidden = false;

  const customer = relays.find(({ name }) => name === 'customer');
  at('example').addEventListener('click', () => {
    form.value = {
      host: customer.host,
      port: customer.ports.starttls,
      security: 'starttls',
      authMethod: 'password',
      username: customer.username,
      password: { set: customer.password },
      senderAddress: customer.senderAddress,
      senderName: 'Example customer',
      caPem: customer.caPem,
    };
  });

  caughtMail(at('mail'));
  sendPanel(at('send'), { tenant, email, sent: () => rows.refresh() });
  form.addEventListener('smtp-activated', () => rows.refresh());
  keepFresh(rows);
}

/** @param {(SmtpSettingsForm | SmtpDeliveries)[]} elements */
function language(elements) {
  const select = /** @type {HTMLSelectElement} */ (at('language'));
  const known = Object.keys(LOADERS);
  select.append(...known.map((tag) => h('option', { value: tag, lang: tag }, languageName(tag))));
  const wanted = [localStorage.getItem('ownpost-language'), ...navigator.languages.map((tag) => tag.split('-')[0])];
  select.value = wanted.find((tag) => tag !== null && known.includes(tag)) ?? 'en';
  const show = () => {
    for (const element of elements) element.setAttribute('locale', select.value);
  };
  show();
  select.addEventListener('change', () => {
    localStorage.setItem('ownpost-language', select.value);
    show();
  });
}

/**
 * The name of a language in that language: `Français`.
 * @param {string} tag
 */
function languageName(tag) {
  const name = new Intl.DisplayNames([tag], { type: 'language' }).of(tag) ?? tag;
  return name.charAt(0).toLocaleUpperCase(tag) + name.slice(1);
}

/**
 * Refreshes the ledger, which changes by itself; not while the tab is hidden.
 * @param {{ refresh: () => Promise<void> }} rows
 */
async function keepFresh(rows) {
  for (;;) {
    if (!document.hidden) await rows.refresh().catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 1500));
  }
}

const now = session();
if (now) work(now);
else enter();
