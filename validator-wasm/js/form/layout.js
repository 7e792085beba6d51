// The layout of the form, from the status on top to the result of the last action.

/**
 * @import { SmtpSettings } from '../index.js'
 * @import { Acts, Draft, FormContext, Layout, Messages } from '../../types/form.js'
 */

import { append, button, fill, h, icon } from './dom.js';
import { buildSections } from './sections.js';

/**
 * Builds the form; `act` has the functions of the buttons. Returns the parts that change later.
 * @param {FormContext} form
 * @param {{ checking: boolean, act: Acts }} options
 * @returns {Layout}
 */
export function buildLayout(form, { checking, act }) {
  const { t } = form;
  const sections = buildSections(form);
  const parts = {
    status: h('div', { class: 'slot' }),
    general: h('div', { class: 'issues general' }),
    preset: h('div', { class: 'slot' }),
    summary: h('p', { class: 'summary', hidden: true }),
    editor: h('div', { class: 'editor', part: 'editor' }),
    outcome: h('div', { class: 'outcome', part: 'outcome' }),
    // Enter in a field runs the test, which changes nothing.
    test: button(t('action.test'), { look: 'plain', part: 'button test-button', type: 'submit' }),
    activate: button(t('action.activate'), { look: 'primary', part: 'button activate-button', click: act.activate }),
    discard: button(t('action.discard'), { look: 'quiet', part: 'button discard-button', click: act.discard }),
    stop: button(t('action.stop'), { look: 'quiet', hidden: true, part: 'button stop-button', click: act.stop }),
  };
  form.controls.get('host').root.append(parts.preset);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    act.test();
  };
  append(parts.editor, [
    h(
      'div',
      { class: 'notice', part: 'warning', role: 'note' },
      icon('warning'),
      h('div', {}, h('strong', {}, t('warning.title')), h('p', {}, t('warning.text'))),
    ),
    checking
      ? null
      : h(
          'div',
          { class: 'no-rules' },
          h('p', {}, t('problem.rules')),
          button(t('form.retry'), { look: 'quiet small', click: act.load }),
        ),
    parts.general,
    sections,
    h(
      'footer',
      { class: 'footer', part: 'footer' },
      h('p', { class: 'muted small' }, t('action.note')),
      parts.summary,
      h('div', { class: 'actions' }, parts.activate, parts.test, parts.discard),
    ),
  ]);
  const root = h(
    'form',
    {
      class: 'form',
      part: 'form',
      'aria-label': t('form.label'),
      lang: t.locale,
      novalidate: true,
      autocomplete: 'off',
      on: { submit },
    },
    parts.status,
    parts.editor,
    h('div', { class: 'aside' }, h('div', { class: 'actions' }, parts.stop), parts.outcome),
  );
  return { root, ...parts };
}

/**
 * The error when the messages cannot be loaded: one English sentence.
 * @param {() => void} retry
 */
export function buildLoadError(retry) {
  return [
    h('p', { class: 'loading', role: 'alert', lang: 'en' }, 'This form could not be loaded.'),
    button('Try again', { lang: 'en', click: retry }),
  ];
}

/**
 * Opens the folded sections that hold values.
 * @param {ParentNode} root
 * @param {Draft} draft
 */
export function openUsed(root, { ehloName, caPem, routing, contacts }) {
  const open = (/** @type {string} */ section) => {
    const details = root.querySelector(`details[data-section="${section}"]`);
    if (details) /** @type {HTMLDetailsElement} */ (details).open = true;
  };
  if (ehloName || caPem) open('advanced');
  if (contacts?.length || Object.values(routing).some(({ via, onFailure }) => via !== 'relay' || onFailure !== 'hold'))
    open('routing');
}

/**
 * Saves which sections are open and which element has the focus.
 * @param {ShadowRoot} root
 */
export function saveFocus(root) {
  const active = /** @type {HTMLInputElement | null} */ (root.activeElement);
  return {
    open: [...root.querySelectorAll('details')].map(({ open }) => open),
    focus: active?.id,
    caret: /** @type {const} */ ([active?.selectionStart, active?.selectionEnd, active?.selectionDirection]),
  };
}

/**
 * Restores both after a rebuild.
 * @param {ShadowRoot} root
 * @param {ReturnType<typeof saveFocus>} place
 */
export function restoreFocus(root, { open, focus, caret: [start, end, direction] }) {
  for (const [at, details] of root.querySelectorAll('details').entries()) details.open ||= open[at] === true;
  const element = focus ? /** @type {HTMLInputElement | null} */ (root.getElementById(focus)) : null;
  element?.focus();
  // Only text has a caret, and what was typed into it goes on there.
  if (typeof start === 'number') element?.setSelectionRange?.(start, end ?? start, direction ?? undefined);
}

/**
 * Offers the settings of a known provider, which one click fills in; null removes the offer.
 * @param {FormContext} form
 * @param {HTMLElement} slot
 * @param {Partial<SmtpSettings> | null} fragment
 */
export function showPreset(form, slot, fragment) {
  if (!fragment) return fill(slot);
  const { t } = form;
  const found = t('provider.found', { host: fragment.host });
  fill(
    slot,
    h(
      'div',
      { class: 'issue warning preset', part: 'preset' },
      icon('info'),
      h('p', {}, found),
      button([icon('wand'), presetText(t, 'provider.use', fragment)], {
        look: 'fix',
        click: () => form.applyPreset(fragment),
      }),
    ),
  );
  form.announce(found);
}

/**
 * A sentence with the settings of a provider.
 * @param {Messages} t
 * @param {string} key
 * @param {Partial<SmtpSettings>} fragment
 */
export function presetText(t, key, { host, port, security }) {
  return t(key, { host, port, security: security ? t(`security.${security}`) : '' });
}
