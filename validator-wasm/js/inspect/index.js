// Looks into a received mail: by which servers it came, and whether it proves who sent it. The mail stays in the page.

/** @import { InspectAbout, Source } from '../../types/inspect.js' */

import { loadAgain } from '../again.js';
import { button, fill, h, icon } from '../form/dom.js';
import { loadMessages } from '../form/messages.js';
import { copyable } from '../form/parts.js';
import { banner, setLevel } from '../form/problem.js';
import { adopt } from '../form/style.js';
import css from './css.js';
import { LOADERS } from './lists.js';
import { reportView } from './report.js';
import { headerOf, ofDrop, readFile } from './source.js';

/** The module that reads a mail; it is loaded when there is one. */
async function reader() {
  const module = await loadAgain(() => import('../objects/inspect.js'));
  await module.default();
  return module;
}

/**
 * The place for a mail's source, and the report on it. `place` is in the element that shows it.
 * @param {InspectAbout} about
 * @param {HTMLElement} place
 */
export async function inspector(about, place) {
  const t = await loadMessages(about.t.locale, LOADERS);
  adopt(place, css);
  const { kept } = about;
  const result = h('div', { class: 'result', part: 'inspect-report' });
  const name = h('p', { class: 'muted small', hidden: true, dir: 'auto' });
  let looks = 0;

  // Asked for while the source is looked for; once more after a new sign-in.
  const compare = () => about.expected(again);
  const again = () => {
    expectation = compare();
    if (kept.source) look(kept.source);
  };
  let expectation = compare();

  /** @param {Source | null} source */
  const look = async (source) => {
    const mine = ++looks;
    kept.source = source;
    name.hidden = !source?.name;
    name.textContent = source?.name ? t('file.name', { name: source.name }) : '';
    if (!source?.data.length) return fill(result);
    if (!result.firstChild) fill(result, h('p', { class: 'muted' }, t('reading')));
    try {
      const [{ inspect }, expected] = await Promise.all([reader(), expectation]);
      if (mine !== looks) return;
      const { sender, host } = expected;
      const report = inspect(source.data, { sender, host, messageId: about.messageId, locale: t.locale });
      fill(result, reportView(t, report, expected), further(report.findings[0]?.code, source));
      if (expected.note === 'unloaded') result.append(button(t('retry'), { click: again }));
    } catch {
      if (mine !== looks) return;
      const failed = banner(
        'bad',
        t('load.failed'),
        h('p', {}, t('load.failed.remedy')),
        h('div', { class: 'actions' }, button(t('retry'), { click: () => look(source) })),
      );
      fill(result, failed);
    }
    setLevel(result, about.level);
    about.announce(result.querySelector('h4')?.textContent ?? '');
  };

  /**
   * A mail with attachments is large, and its header alone says as much.
   * @param {string | undefined} code
   * @param {Source} source
   */
  const further = (code, source) => {
    const header = code === 'inspect.too_large' ? headerOf(source.data) : null;
    return header && button(t('header'), { click: () => look({ ...source, data: header }) });
  };

  /** @param {File | string} given */
  const take = async (given) => {
    if (typeof given === 'string') {
      text.value = given;
      return look({ data: given });
    }
    text.value = '';
    const source = await readFile(given);
    if (source) return look(source);
    about.announce(t('file.unreadable'));
    fill(result, banner('bad', t('file.unreadable')));
    setLevel(result, about.level);
  };

  /** @type {HTMLTextAreaElement} */
  const text = h('textarea', {
    class: 'code',
    part: 'input',
    rows: 5,
    dir: 'ltr',
    spellcheck: 'false',
    autocomplete: 'off',
    on: { input: () => look({ data: text.value }) },
  });
  /** @type {HTMLInputElement} */
  const picker = h('input', {
    type: 'file',
    accept: '.eml,.txt,message/rfc822,text/plain',
    hidden: true,
    tabindex: '-1',
    on: {
      change: () => {
        const file = picker.files?.[0];
        picker.value = '';
        if (file) take(file);
      },
    },
  });
  /** @type {HTMLElement} */
  const ground = h(
    'div',
    {
      class: 'inspector',
      part: 'inspector',
      lang: t.locale,
      on: {
        dragover: (event) => {
          event.preventDefault();
          ground.toggleAttribute('data-over', true);
        },
        dragleave: () => {
          ground.removeAttribute('data-over');
        },
        drop: (event) => {
          event.preventDefault();
          ground.removeAttribute('data-over');
          const dropped = ofDrop(/** @type {DragEvent} */ (event).dataTransfer);
          if (dropped) take(dropped);
        },
      },
    },
    h('p', {}, icon('lock'), t('intro')),
    h('details', { class: 'ways' }, h('summary', {}, icon('chevron'), h('span', {}, t('how'))), ways(t, about)),
    h('label', { class: 'source' }, h('span', { class: 'label' }, t('text.label')), text),
    h('div', { class: 'actions' }, button(t('file'), { look: 'quiet small', click: () => picker.click() }), picker),
    name,
    result,
  );
  // The place is drawn again, as in another language.
  const { source } = kept;
  if (source && !source.name) text.value = /** @type {string} */ (source.data);
  if (source) look(source);
  return ground;
}

/**
 * How to get a mail's source, in a line for each program.
 * @param {InspectAbout['t']} t
 * @param {InspectAbout} about
 */
function ways(t, about) {
  const search = about.messageId ? copyable(about, `rfc822msgid:${about.messageId}`) : null;
  return h(
    'dl',
    {},
    ['gmail', 'outlook', 'apple', 'yahoo'].map((name) =>
      h('div', {}, h('dt', {}, t(name)), h('dd', {}, t(`${name}.text`), name === 'gmail' ? [' ', search] : null)),
    ),
  );
}
