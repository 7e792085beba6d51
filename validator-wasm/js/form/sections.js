// The sections of the form with their controls, in the order of the settings.

/**
 * @import { Child, Field, FieldSpec, FormContext } from '../../types/form.js'
 * @import { AuthMethod } from '../index.js'
 */

import { CATEGORIES, readList, readPort } from './draft.js';
import { connectionField } from './connection.js';
import { button, disclosure, h } from './dom.js';
import { choiceField, secretField, selectField, textField } from './fields.js';
import { PROVIDERS } from './lists.js';

/**
 * @param {FormContext} form
 * @param {string} name
 * @param {...Child} content
 */
function section(form, name, ...content) {
  const { t } = form;
  return h(
    'section',
    {
      class: 'section',
      part: `section section-${name}`,
      role: 'group',
      'aria-labelledby': `s-${name}`,
      'aria-describedby': `s-${name}-text`,
    },
    h(
      'header',
      {},
      h('h3', { id: `s-${name}`, part: 'section-title' }, t(`section.${name}`)),
      h('p', { id: `s-${name}-text` }, t(`section.${name}.text`)),
    ),
    h('div', { class: 'fields' }, content),
  );
}

/**
 * Builds all sections, and registers each control.
 * @param {FormContext} form
 */
export function buildSections(form) {
  const { t } = form;
  const add = (/** @type {Field} */ field) => form.controls.add(field);
  /**
   * @param {string} path
   * @param {Partial<FieldSpec>} spec
   */
  const text = (path, spec) =>
    add(
      textField(form, {
        path,
        label: t(`${path}.label`),
        hint: t.has(`${path}.hint`) ? t(`${path}.hint`) : null,
        ...spec,
      }),
    ).root;
  /**
   * @param {string} path
   * @param {Partial<FieldSpec>} spec
   */
  const secret = (path, spec) =>
    add(
      secretField(form, {
        path,
        label: t(`${path}.label`),
        hint: t.has(`${path}.hint`) ? t(`${path}.hint`) : null,
        ...spec,
      }),
    ).root;
  /**
   * @param {string} path
   * @param {string[]} values
   */
  const choice = (path, values) =>
    add(
      choiceField(form, {
        path,
        label: t(`${path}.label`),
        choices: values.map((value) => ({
          value,
          label: t(`${path}.${value}`),
          hint: t.has(`${path}.${value}.hint`) ? t(`${path}.${value}.hint`) : '',
        })),
      }),
    ).root;

  const host = text('host', { ltr: true, inputmode: 'url', required: true });
  const port = add(
    textField(form, {
      path: 'port',
      label: t('port.label'),
      hint: t('port.hint'),
      ltr: true,
      inputmode: 'numeric',
      read: readPort,
    }),
  );
  const server = section(
    form,
    'server',
    providerList(form),
    // The column of the port is too narrow for its issues, so they have a row.
    h('div', { class: 'row host-row' }, host, port.root, port.issues),
    choice('security', ['starttls', 'tls']),
  );

  const oauth = part(
    form,
    ['oauth2'],
    h(
      'div',
      { class: 'fields' },
      add(
        choiceField(form, {
          path: 'oauth2.grant',
          label: t('oauth2.grant.label'),
          choices: ['refresh_token', 'client_credentials'].map((value) => ({
            value,
            label: t(`oauth2.grant.${value}`),
          })),
        }),
      ).root,
      text('oauth2.tokenUrl', { ltr: true, inputmode: 'url', required: true }),
      text('oauth2.clientId', { ltr: true, required: true }),
      secret('oauth2.clientSecret', { optional: true }),
      text('oauth2.clientSecretExpires', { type: 'date', optional: true }),
      secret('oauth2.refreshToken', {}),
      text('oauth2.scope', { ltr: true, optional: true }),
    ),
  );
  const signin = section(
    form,
    'signin',
    add(connectionField(form)).root,
    choice('authMethod', ['password', 'oauth2', 'none']),
    part(
      form,
      ['password', 'oauth2'],
      h(
        'div',
        { class: 'row' },
        text('username', { ltr: true, required: true }),
        part(form, ['password'], secret('password', {})),
      ),
    ),
    oauth,
  );

  const sender = section(
    form,
    'sender',
    h(
      'div',
      { class: 'row' },
      text('senderAddress', { ltr: true, inputmode: 'email', required: true }),
      text('senderName', { optional: true }),
    ),
    text('replyTo', { ltr: true, inputmode: 'email', optional: true }),
  );

  return [
    server,
    signin,
    sender,
    optionalSection(
      form,
      'routing',
      routingTable(form),
      text('contacts', { ltr: true, inputmode: 'email', multiline: true, optional: true, read: readList }),
    ),
    optionalSection(
      form,
      'advanced',
      text('ehloName', { ltr: true, optional: true }),
      text('caPem', { ltr: true, multiline: true, code: true, optional: true, beside: caFile(form) }),
    ),
  ];
}

// A part that only some sign-in methods use. For the others it leaves the document, because password managers fill
// hidden password fields.
/**
 * @param {FormContext} form
 * @param {AuthMethod[]} methods
 * @param {HTMLElement} element
 */
function part(form, methods, element) {
  const place = document.createComment('');
  const here = [element, place];
  form.controls.addPart({
    showIf: (method) => {
      const [wanted, other] = methods.includes(method) ? here : here.toReversed();
      if (other.parentNode) other.replaceWith(wanted);
    },
  });
  return element;
}

/**
 * @param {FormContext} form
 * @param {string} name
 * @param {...Child} content
 */
function optionalSection(form, name, ...content) {
  const { t } = form;
  return disclosure(
    t(`section.${name}`),
    { class: 'section-more', part: `disclosure section-${name}`, 'data-section': name },
    h('p', { class: 'intro' }, t(`section.${name}.text`)),
    h('div', { class: 'fields' }, content),
  );
}

/** @param {FormContext} form */
function providerList(form) {
  const { t } = form;
  const known = PROVIDERS.flatMap(([name, host]) => {
    const fragment = form.suggest(host);
    return fragment?.host ? [{ name, fragment }] : [];
  });
  if (known.length === 0) return null;
  /** @type {HTMLSelectElement} */
  const select = h(
    'select',
    {
      id: 'provider',
      part: 'select',
      'aria-describedby': 'provider-hint',
      on: {
        change: () => {
          if (select.value !== '') form.applyPreset(known[Number(select.value)].fragment);
        },
      },
    },
    h('option', { value: '' }, t('provider.own')),
    known.map(({ name }, at) => h('option', { value: at }, name)),
  );
  form.controls.hostChanged = (host) => {
    select.value = String(known.findIndex(({ fragment }) => fragment.host === host)).replace('-1', '');
  };
  return h(
    'div',
    { class: 'field', part: 'field' },
    h('label', { for: 'provider', class: 'label', part: 'label' }, t('provider.label')),
    h('div', { class: 'control' }, select),
    h('p', { class: 'hint', id: 'provider-hint', part: 'hint' }, t('provider.hint')),
  );
}

/** @param {FormContext} form */
function routingTable(form) {
  const { t } = form;
  /**
   * @param {'via' | 'onFailure'} kind
   * @param {string[]} values
   */
  const choices = (kind, values) => values.map((value) => ({ value, label: t(`routing.${kind}.${value}`) }));
  const rows = CATEGORIES.map((category) => {
    const id = `r-${category}`;
    /**
     * @param {'via' | 'onFailure'} kind
     * @param {string[]} values
     */
    const cell = (kind, values) =>
      h(
        'td',
        { 'data-label': t(`routing.${kind}`) },
        form.controls.add(
          selectField(form, {
            path: `routing.${category}.${kind}`,
            label: `${t(`category.${category}`)}: ${t(`routing.${kind}`)}`,
            choices: choices(kind, values),
          }),
        ).root,
      );
    return h(
      'tr',
      {},
      h(
        'th',
        { scope: 'row', id },
        h('span', {}, t(`category.${category}`)),
        h('small', {}, t(`category.${category}.text`)),
      ),
      cell('via', ['relay', 'platform']),
      cell('onFailure', ['hold', 'platform']),
    );
  });
  return h(
    'table',
    { class: 'routing', part: 'routing' },
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        ['category', 'via', 'onFailure'].map((key) => h('th', { scope: 'col' }, t(`routing.${key}`))),
      ),
    ),
    h('tbody', {}, rows),
  );
}

/** @param {FormContext} form */
function caFile(form) {
  const { t } = form;
  /** @type {HTMLInputElement} */
  const picker = h('input', {
    type: 'file',
    accept: '.pem,.crt,.cer',
    hidden: true,
    tabindex: '-1',
    on: {
      change: async () => {
        const file = picker.files?.[0];
        picker.value = '';
        if (!file) return;
        // The rules allow 32 KiB: of a larger file enough is read for them to report it.
        const text = await file
          .slice(0, 40 * 1024)
          .text()
          .catch(() => null);
        if (text === null) form.announce(t('caPem.unreadable'));
        else form.setValue('caPem', text);
      },
    },
  });
  return [button(t('caPem.file'), { look: 'quiet small', click: () => picker.click() }), picker];
}
