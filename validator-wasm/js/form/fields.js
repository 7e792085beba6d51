// The form's controls. Each has a path into the settings and a value (`get`, `set`), can be focused, and shows its
// issues. `form` gives the messages (`t`), and is called on changes (`changed`) and for fixes (`applyFix`).

/**
 * @import { Issue, Spaces } from '../index.js'
 * @import { Child, Choice, DraftSecret, Field, FieldSpec, FormContext, SecretField } from '../../types/form.js'
 */

import { connectionFor } from './connection.js';
import { append, button, fill, h, icon } from './dom.js';
import { fixLabel } from './fixes.js';

/**
 * The relay's account is nobody's login to the product: password managers that do not read `autocomplete` read these.
 * @type {Record<string, string>}
 */
const NO_LOGIN = {
  'data-1p-ignore': '',
  'data-bwignore': '',
  'data-form-type': 'other',
  'data-lpignore': 'true',
  'data-protonpass-ignore': '',
};

/** @param {string} path */
const idOf = (path) => `f-${path.replaceAll('.', '-')}`;

/**
 * The frame around a control: label, hint, the control, its issues.
 * @param {FormContext} form
 * @param {FieldSpec} spec
 * @param {Child} control
 */
function frame(form, { path, label, hint, optional, group = false }, control) {
  const id = idOf(path);
  const issues = h('div', { id: `${id}-issues`, class: 'issues', part: 'issues' });
  const labelText = [label, optional ? [' ', h('span', { class: 'optional' }, form.t('form.optional'))] : null];
  const labelElement = group
    ? h('span', { id: `${id}-label`, class: 'label', part: 'label' }, labelText)
    : h('label', { for: id, class: 'label', part: 'label' }, labelText);
  const root = h(
    'div',
    { class: 'field', part: 'field', 'data-path': path },
    labelElement,
    control,
    hint ? h('p', { id: `${id}-hint`, class: 'hint', part: 'hint' }, hint) : null,
    issues,
  );
  return { path, label, root, issues, described: hint ? [`${id}-hint`, `${id}-issues`] : [`${id}-issues`] };
}

/**
 * Shows the issues of a field and ties them to it.
 * @param {FormContext} form
 * @param {Field} field
 * @param {Issue[]} issues
 */
export function showIssues(form, field, issues) {
  const errors = issues.some((issue) => issue.severity === 'error');
  field.root.toggleAttribute('data-error', errors);
  for (const target of field.targets()) {
    if (errors) target.setAttribute('aria-invalid', 'true');
    else target.removeAttribute('aria-invalid');
  }
  const key = JSON.stringify(issues);
  if (field.issues.dataset.key === key) return;
  field.issues.dataset.key = key;
  fill(
    field.issues,
    issues.map((issue) => issueLine(form, issue)),
  );
}

/**
 * One issue: its severity as text for people who see no colours, the message, and a button for the fix.
 * @param {FormContext} form
 * @param {Issue} issue
 */
export function issueLine(form, issue) {
  const { t } = form;
  const error = issue.severity === 'error';
  const label = issue.fix ? fixLabel(t, { code: issue.code, fix: issue.fix }) : null;
  return h(
    'div',
    { class: `issue ${error ? 'error' : 'warning'}`, part: `issue ${issue.severity}`, 'data-code': issue.code },
    icon(error ? 'alert' : 'info'),
    h(
      'p',
      {},
      h('span', { class: 'sr' }, `${t(error ? 'issue.error' : 'issue.warning')}: `),
      h('span', { dir: 'auto' }, issue.message),
    ),
    label
      ? button([icon('wand'), label], {
          look: 'fix',
          'aria-label': `${label}. ${issue.message}`,
          click: () => form.applyFix(issue),
        })
      : null,
    connectionFor(form, issue),
  );
}

/**
 * A text field.
 * @param {FormContext} form
 * @param {FieldSpec} spec
 * @returns {Field}
 */
export function textField(form, spec) {
  const { path, type = 'text', multiline = false, code = false } = spec;
  const id = idOf(path);
  const input = h(multiline ? 'textarea' : 'input', {
    id,
    part: 'input',
    class: code ? 'code' : null,
    type: multiline ? null : type,
    rows: multiline ? 5 : null,
    autocomplete: 'off',
    autocapitalize: 'none',
    autocorrect: 'off',
    spellcheck: 'false',
    ...NO_LOGIN,
    inputmode: spec.inputmode,
    'aria-required': spec.required ? 'true' : null,
    dir: spec.ltr ? 'ltr' : 'auto',
    on: { input: () => form.changed(path) },
  });
  const field = frame(form, spec, append(h('div', { class: 'control' }), [input, spec.beside]));
  input.setAttribute('aria-describedby', field.described.join(' '));
  const read = spec.read ?? ((/** @type {string} */ text) => text);
  return Object.assign(field, {
    targets: () => [input],
    focus: () => input.focus(),
    get: () => read(input.value),
    set: (/** @type {unknown} */ value) => {
      const text = [value ?? ''].flat().join(', ');
      if (input.value !== text) input.value = text;
    },
    disable: (/** @type {boolean} */ disabled) => {
      input.disabled = disabled;
    },
  });
}

/**
 * A choice of a few values, as radio buttons side by side. Each may have a hint.
 * @param {FormContext} form
 * @param {FieldSpec & { choices: Choice[] }} spec
 * @returns {Field}
 */
export function choiceField(form, spec) {
  const { path, choices } = spec;
  const id = idOf(path);
  const inputs = choices.map(({ value, hint }, at) =>
    h('input', {
      type: 'radio',
      name: id,
      id: `${id}-${at}`,
      value,
      'aria-describedby': hint ? `${id}-note` : null,
      on: {
        change: () => {
          note();
          form.changed(path);
        },
      },
    }),
  );
  const labels = choices.map(({ label }, at) =>
    h('label', { for: `${id}-${at}`, part: 'choice' }, inputs[at], h('span', {}, label)),
  );
  const about = h('p', { id: `${id}-note`, class: 'hint', part: 'hint' });
  const group = h(
    'div',
    { class: 'choices', part: 'choices', role: 'radiogroup', 'aria-labelledby': `${id}-label`, tabindex: '-1' },
    labels,
  );
  const field = frame(form, { ...spec, group: true }, [group, choices.some(({ hint }) => hint) ? about : null]);
  group.setAttribute('aria-describedby', field.issues.id);
  const checked = () => inputs.find((input) => input.checked);
  const note = () => {
    about.textContent = choices.find(({ value }) => value === checked()?.value)?.hint ?? '';
  };
  return Object.assign(field, {
    targets: () => [group],
    focus: () => (checked() ?? inputs[0]).focus(),
    get: () => checked()?.value ?? null,
    set: (/** @type {unknown} */ value) => {
      for (const input of inputs) input.checked = input.value === value;
      note();
    },
    disable: (/** @type {boolean} */ disabled) => {
      for (const input of inputs) input.disabled = disabled;
    },
  });
}

/**
 * A choice of several values, as a list.
 * @param {FormContext} form
 * @param {{ path: string, label: string, choices: Choice[] }} spec
 * @returns {Field}
 */
export function selectField(form, { path, label, choices }) {
  const id = idOf(path);
  const select = h(
    'select',
    {
      id,
      part: 'select',
      'aria-label': label,
      'aria-describedby': `${id}-issues`,
      on: { change: () => form.changed(path) },
    },
    choices.map((choice) => h('option', { value: choice.value }, choice.label)),
  );
  const issues = h('div', { id: `${id}-issues`, class: 'issues', part: 'issues' });
  return {
    path,
    label,
    issues,
    root: h('div', { class: 'field', 'data-path': path }, h('div', { class: 'control' }, select), issues),
    targets: () => [select],
    focus: () => select.focus(),
    get: () => select.value,
    set: (value) => {
      select.value = String(value ?? '');
    },
    disable: (disabled) => {
      select.disabled = disabled;
    },
  };
}

/**
 * A secret: a typed one, or the stored one to keep. The stored one never reaches the browser; `forget` removes the
 * typed one from the document.
 * @param {FormContext} form
 * @param {FieldSpec} spec
 * @returns {SecretField}
 */
export function secretField(form, spec) {
  const { t } = form;
  const { path, label } = spec;
  const id = idOf(path);
  let stored = false;
  let keep = false;
  /**
   * What a connection with a provider has brought in place of a secret.
   * @type {string | undefined}
   */
  let granted;
  /**
   * What the server does with the white space in the text; unset by typing.
   * @type {Spaces | undefined}
   */
  let spaces;
  const input = h('input', {
    id,
    part: 'input',
    type: 'password',
    // Browsers ignore `off` here, and offer to make and keep a `new-password`.
    autocomplete: 'one-time-code',
    ...NO_LOGIN,
    autocapitalize: 'none',
    spellcheck: 'false',
    dir: 'ltr',
    'aria-required': spec.optional ? null : 'true',
    on: {
      input: () => {
        spaces = undefined;
        granted = undefined;
        form.changed(path);
      },
    },
  });
  const eye = button(icon('eye'), { look: 'inset', click: () => reveal(input.type === 'password') });
  /** @param {boolean} show */
  const reveal = (show) => {
    input.type = show ? 'text' : 'password';
    const name = t(show ? 'secret.hide' : 'secret.show', { label });
    eye.setAttribute('aria-label', name);
    eye.title = name;
    eye.toggleAttribute('data-on', show);
  };
  reveal(false);
  const replace = button(t('secret.replace'), {
    look: 'quiet small',
    'aria-label': t('secret.replace.label', { label }),
    click: () => choose(false, true),
  });
  const kept = h(
    'div',
    { class: 'kept', part: 'kept', id: `${id}-kept` },
    icon('lock'),
    h('span', {}, t('secret.stored')),
    replace,
  );
  const back = button(t('secret.keep'), { look: 'link', click: () => choose(true, true) });
  const why = h('p', { class: 'hint', id: `${id}-why`, hidden: true }, t('secret.reentry'));
  const entry = h('div', { class: 'control with-inset' }, input, eye);
  const field = frame(form, spec, [kept, entry, why, back]);
  input.setAttribute('aria-describedby', [...field.described, `${id}-why`].join(' '));
  const labelElement = /** @type {HTMLLabelElement} */ (field.root.querySelector('label'));
  const hint = /** @type {HTMLElement | null} */ (field.root.querySelector(`#${id}-hint`));

  function show() {
    kept.hidden = !keep;
    entry.hidden = keep;
    back.hidden = keep || !stored;
    labelElement.htmlFor = keep ? '' : id;
    if (hint) hint.hidden = keep;
  }
  /**
   * @param {boolean} value
   * @param {boolean} byHand
   */
  function choose(value, byHand) {
    keep = value && stored;
    if (byHand) granted = undefined;
    if (keep) input.value = '';
    show();
    if (!byHand) return;
    form.changed(path);
    (keep ? replace : input).focus();
  }
  show();
  return Object.assign(field, {
    targets: () => [input],
    focus: () => (keep ? replace : input).focus(),
    get: /** @returns {DraftSecret} */ () => {
      if (keep) return { keep: true };
      if (granted) return { granted };
      const set = input.value;
      if (set === '') return null;
      return spaces ? { set, spaces } : { set };
    },
    set: (/** @type {DraftSecret} */ value) => {
      granted = value?.granted;
      choose(value?.keep === true, false);
      if (keep) return;
      input.value = value?.set ?? '';
      spaces = value?.spaces;
    },
    /** Offers the secret that is stored for this destination, or says that one is stored for another. */
    offer: (/** @type {boolean} */ isStored, /** @type {boolean} */ elsewhere) => {
      const wasStored = stored;
      stored = isStored;
      why.hidden = !elsewhere;
      if (!stored) choose(false, false);
      else if (!wasStored && !granted && input.value === '') choose(true, false);
      else show();
    },
    /** Removes the typed secret from the document. */
    forget: () => {
      input.value = '';
      granted = undefined;
      reveal(false);
    },
    disable: (/** @type {boolean} */ disabled) => {
      for (const element of [input, replace, back, eye]) element.disabled = disabled;
    },
  });
}
