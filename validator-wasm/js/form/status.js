// The status: which server is in use, and while it is not being changed, a summary of its settings with the ways back.

/**
 * @import { Active, Child, FormContext, StoredSettings } from '../../types/form.js'
 */

import { ApiError } from './api.js';
import { button, disclosure, fill, h, icon } from './dom.js';
import { CATEGORIES, toDraft } from './draft.js';
import { problemView } from './problem.js';

/**
 * The card on top of the form; `open` says that the settings are being changed below it.
 * @param {FormContext} form
 * @param {Active} active
 * @param {boolean} open
 */
export function statusView(form, active, open) {
  const { t } = form;
  const { settings, health } = active;
  const rollback =
    active.previous &&
    button(t('status.rollback'), {
      look: 'quiet small',
      part: 'button rollback-button',
      click: () => form.rollback(),
    });
  if (!settings) {
    return card('platform', 'mail', t('status.platform.title'), [
      h('p', {}, t('status.platform.text')),
      h('div', { class: 'actions' }, rollback),
    ]);
  }
  const bad = health === 'unhealthy';
  const { host, port, senderAddress } = settings;
  return card(bad ? 'unhealthy' : 'active', bad ? 'bang' : 'check', t(`status.${bad ? 'unhealthy' : 'active'}.title`), [
    h('p', { dir: 'auto' }, t('status.active.text', { host, port: port ?? 25, sender: senderAddress })),
    bad && active.message ? h('p', { class: 'reason', dir: 'auto' }, active.message) : null,
    open ? null : summary(form, active, settings, rollback),
  ]);
}

/**
 * @param {string} kind
 * @param {Parameters<typeof icon>[0]} mark
 * @param {string} title
 * @param {Child} content
 */
function card(kind, mark, title, content) {
  return h(
    'section',
    { class: `status ${kind}`, part: `status status-${kind}`, 'aria-labelledby': 'status-title' },
    h('span', { class: 'mark' }, icon(mark)),
    h('div', {}, h('h3', { id: 'status-title', tabindex: '-1' }, title), content),
  );
}

/**
 * @param {FormContext} form
 * @param {Active} active
 * @param {StoredSettings} settings
 * @param {Child} rollback
 */
function summary(form, active, settings, rollback) {
  const { t } = form;
  const { host, port, security, username, senderAddress, senderName } = settings;
  /**
   * @param {string} name
   * @param {Child} value
   */
  const fact = (name, value) => (value ? h('div', {}, h('dt', {}, name), h('dd', {}, value)) : null);
  const provider = active.offers.find((offer) => offer.provider === settings.oauth2?.provider)?.name;
  const routes = toDraft(settings).routing;
  const health = h('span', { class: `health ${active.health}` }, t(`status.health.${active.health}`));
  return [
    h(
      'dl',
      { class: 'status-facts', part: 'summary' },
      fact(
        t('section.server'),
        h('span', { dir: 'ltr' }, `${host}:${port ?? 25} · ${t(`security.${security ?? 'starttls'}`)}`),
      ),
      fact(t('username.label'), username ? [h('span', { dir: 'ltr' }, username), provider && ` · ${provider}`] : null),
      fact(
        t('section.sender'),
        h('span', { dir: 'auto' }, senderName ? `${senderName} <${senderAddress}>` : senderAddress),
      ),
      fact(t('contacts.label'), active.alerted.length ? h('span', { dir: 'ltr' }, active.alerted.join(', ')) : null),
      fact(t('status.health'), [health, active.since ? ` · ${t('status.since')} ${t.dateTime(active.since)}` : null]),
      CATEGORIES.map((category) => {
        const { via, onFailure } = routes[category];
        const way = t(`routing.via.${via}`);
        return fact(t(`category.${category}`), via === 'relay' ? `${way} · ${t(`summary.${onFailure}`)}` : way);
      }),
    ),
    h(
      'div',
      { class: 'actions' },
      button(t('status.change'), { look: 'small', part: 'button change-button', click: () => form.change() }),
      button(t('status.test'), { look: 'quiet small', part: 'button retest-button', click: () => form.test() }),
      rollback,
      button(t('status.remove'), { look: 'quiet small', part: 'button remove-button', click: () => form.remove() }),
    ),
    history(form),
  ];
}

/**
 * Who has changed the settings; loaded when it is opened.
 * @param {FormContext} form
 */
function history(form) {
  const { t } = form;
  const place = h('div', { class: 'history', 'aria-live': 'polite' });
  const load = async () => {
    fill(place, h('p', { class: 'muted' }, t('form.loading')));
    try {
      const [{ historyView }, { body }] = await Promise.all([
        form.results(),
        form.call('GET', '/smtp/history', () => load()),
      ]);
      fill(place, historyView(t, body.history));
    } catch (error) {
      const problem = ApiError.of(error);
      fill(place, problemView(t, problem, { retry: () => (problem.status === 401 ? form.goOn() : load()) }));
    }
  };
  const details = disclosure(t('history.title'), { part: 'disclosure history', on: { toggle } }, place);
  function toggle() {
    if (details.open) load();
  }
  return details;
}
