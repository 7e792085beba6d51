// A connection with a provider, as far as the form has it from the beginning: its place, and the button that begins one.

/**
 * @import { Issue } from '../index.js'
 * @import { Field, FormContext, Offer } from '../../types/form.js'
 */

import { button, h, icon } from './dom.js';

/** The issue of a provider that ends passwords: a connection is its remedy. */
const ENDING = 'authMethod.password_ending';

/**
 * The button that connects a mailbox with a provider.
 * @param {FormContext} form
 * @param {Offer} offer
 * @param {string} look
 */
export function connectButton({ t, connect }, offer, look) {
  return button([icon('lock'), t('connect.with', { name: offer.name })], {
    look,
    part: 'button connect-button',
    click: () => connect(offer),
  });
}

/**
 * The place of a connection with a provider. What is loaded after the status draws it.
 * @param {FormContext} form
 * @returns {Field}
 */
export function connectionField(form) {
  const path = 'oauth2.provider';
  const place = h('div', { class: 'slot', id: 'f-connection' });
  const issues = h('div', { class: 'issues', part: 'issues' });
  let provider = '';
  return {
    path,
    label: form.t('connect.title'),
    root: h('div', { class: 'field connection', part: 'connection', 'data-path': path, hidden: true }, place, issues),
    issues,
    targets: () => [],
    focus: () => place.querySelector('button')?.focus(),
    get: () => provider,
    set: (value) => {
      provider = String(value ?? '');
    },
    disable: (disabled) => {
      for (const element of place.querySelectorAll('button')) element.disabled = disabled;
    },
  };
}

/**
 * The button that is the remedy of an issue, where it is a connection with a provider that is offered.
 * @param {FormContext} form
 * @param {Issue} issue
 */
export function connectionFor(form, { code }) {
  const offer = code === ENDING && form.offers().find(({ host }) => host === form.draft().host);
  return offer ? connectButton(form, offer, 'fix') : null;
}
