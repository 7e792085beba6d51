// The status: which server is in use, and the buttons that go back to another.

/**
 * @import { Active, Child, FormContext } from '../../types/form.js'
 */

import { button, h, icon } from './dom.js';

/**
 * Reads the answer to `GET /smtp`; `null` means the platform's server.
 * @param {any} body
 * @returns {Active | null}
 */
export function readActive(body) {
  if (!body) return null;
  const health = body.health ?? {};
  return {
    settings: body.settings ?? body,
    revision: body.revision ?? null,
    health: health.status === 'healthy' || health.status === 'unhealthy' ? health.status : 'unknown',
    since: health.since ?? null,
    message: health.message ?? null,
  };
}

/**
 * The card on top of the form.
 * @param {FormContext} form
 * @param {Active | null} active
 */
export function statusView(form, active) {
  const { t } = form;
  if (!active) {
    return h(
      'section',
      { class: 'status platform', part: 'status status-platform', 'aria-labelledby': 'status-title' },
      h('span', { class: 'mark' }, icon('mail')),
      h(
        'div',
        {},
        h('h3', { id: 'status-title', tabindex: '-1' }, t('status.platform.title')),
        h('p', {}, t('status.platform.text')),
      ),
    );
  }
  const { settings } = active;
  const bad = active.health === 'unhealthy';
  /**
   * @param {string} name
   * @param {Child} value
   */
  const fact = (name, value) => (value ? h('div', {}, h('dt', {}, name), h('dd', {}, value)) : null);
  return h(
    'section',
    {
      class: `status ${bad ? 'unhealthy' : 'active'}`,
      part: `status status-${bad ? 'unhealthy' : 'active'}`,
      'aria-labelledby': 'status-title',
    },
    h('span', { class: 'mark' }, icon(bad ? 'bang' : 'check')),
    h(
      'div',
      {},
      h('h3', { id: 'status-title', tabindex: '-1' }, t(bad ? 'status.unhealthy.title' : 'status.active.title')),
      h(
        'p',
        { dir: 'auto' },
        t('status.active.text', { host: settings.host, port: settings.port ?? 25, sender: settings.senderAddress }),
      ),
      bad && active.message ? h('p', { class: 'reason', dir: 'auto' }, active.message) : null,
      h(
        'dl',
        { class: 'status-facts' },
        fact(t('status.health'), h('span', { class: `health ${active.health}` }, t(`status.health.${active.health}`))),
        fact(t('status.since'), active.since ? t.dateTime(active.since) : null),
        fact(
          t('status.revision'),
          active.revision ? h('code', { title: active.revision }, active.revision.slice(0, 8)) : null,
        ),
      ),
      h(
        'div',
        { class: 'actions' },
        button(t('status.rollback'), {
          look: 'quiet small',
          part: 'button rollback-button',
          click: () => form.rollback(),
        }),
        button(t('status.remove'), { look: 'quiet small', part: 'button remove-button', click: () => form.remove() }),
      ),
    ),
  );
}
