// Builds elements without innerHTML: no text of a server can become markup, and a page may require Trusted Types.

/** @import { ButtonProps, Child, Props, Question } from '../../types/form.js' */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Makes an element. `props` are attributes; `on` holds listeners, `text` the text content. `null`, `undefined` and
 * `false` leave an attribute out, `true` makes it empty.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Props | null} [props]
 * @param {...Child} children
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'on') {
      for (const [event, listener] of Object.entries(props?.on ?? {})) {
        if (listener) element.addEventListener(event, listener);
      }
    } else if (name === 'text') element.textContent = String(value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  append(element, children);
  return element;
}

/**
 * Appends nodes and strings, also nested in arrays; leaves out empty ones.
 * @template {ParentNode} P
 * @param {P} parent
 * @param {Child} children
 */
export function append(parent, children) {
  /** @type {unknown[]} */
  const nested = [children];
  const flat = /** @type {Exclude<Child, Child[]>[]} */ (nested.flat(Infinity));
  for (const child of flat) {
    if (child === null || child === undefined || child === false || child === '') continue;
    parent.append(child);
  }
  return parent;
}

/**
 * Replaces all children.
 * @template {ParentNode} P
 * @param {P} parent
 * @param {...Child} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren();
  return append(parent, children);
}

const PATHS = {
  check: ['M5 12.5l4.5 4.5L19 7.5'],
  cross: ['M6.5 6.5l11 11', 'M17.5 6.5l-11 11'],
  dash: ['M6 12h12'],
  bang: ['M12 6v7.5', 'M12 17.5v.01'],
  dot: ['M12 12v.01'],
  alert: ['M12 3.5a8.5 8.5 0 110 17 8.5 8.5 0 010-17z', 'M12 8v4.5', 'M12 16v.01'],
  info: ['M12 3.5a8.5 8.5 0 110 17 8.5 8.5 0 010-17z', 'M12 11v5', 'M12 8v.01'],
  warning: ['M12 4L2.8 19.5h18.4z', 'M12 10v4.5', 'M12 17v.01'],
  lock: ['M6 11h12v9H6z', 'M8.5 11V8a3.5 3.5 0 017 0v3'],
  eye: [
    'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z',
    'M12 9.2a2.8 2.8 0 110 5.6 2.8 2.8 0 010-5.6z',
  ],
  wand: ['M5 19L15.5 8.5', 'M18 3v4', 'M16 5h4', 'M20 11v3', 'M18.5 12.5h3', 'M11 3v3', 'M9.5 4.5h3'],
  mail: ['M3.5 6h17v12h-17z', 'M3.5 7l8.5 6.5L20.5 7'],
  chevron: ['M9 6l6 6-6 6'],
};

/**
 * A line icon. It is decoration: the text beside it has the meaning.
 * @param {keyof typeof PATHS} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  for (const [key, value] of Object.entries({
    viewBox: '0 0 24 24',
    'aria-hidden': 'true',
    class: `icon icon-${name}`,
  })) {
    svg.setAttribute(key, value);
  }
  for (const d of PATHS[name]) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}

/**
 * A button of the given looks: `primary`, `quiet`, `danger`, or plain.
 * @param {Child} label
 * @param {ButtonProps} [props]
 */
export function button(label, { look = 'plain', part, click, ...rest } = {}) {
  return h(
    'button',
    { type: 'button', class: `button ${look}`, part: part ?? `button ${look}-button`, on: { click }, ...rest },
    label,
  );
}

/**
 * A disclosure: a summary that shows or hides the children.
 * @param {Child} summary
 * @param {Props} props
 * @param {...Child} children
 */
export function disclosure(summary, props, ...children) {
  return h(
    'details',
    { part: 'disclosure', ...props },
    h('summary', {}, icon('chevron'), h('span', {}, summary)),
    ...children,
  );
}

/**
 * Asks for a confirmation; resolves to whether it was given.
 * @param {ParentNode} root
 * @param {Question} question
 * @returns {Promise<boolean>}
 */
export function confirm(root, { title, text, yes, no, danger = true }) {
  const titleId = 'confirm-title';
  /** @type {HTMLDialogElement} */
  const dialog = h(
    'dialog',
    { part: 'dialog', 'aria-labelledby': titleId, 'aria-describedby': 'confirm-text' },
    h('h3', { id: titleId }, title),
    h('p', { id: 'confirm-text' }, text),
    h(
      'div',
      { class: 'actions' },
      button(no, { look: 'quiet', click: () => dialog.close(''), autofocus: true }),
      button(yes, { look: danger ? 'danger' : 'primary', click: () => dialog.close('yes') }),
    ),
  );
  return new Promise((resolve) => {
    dialog.addEventListener(
      'close',
      () => {
        dialog.remove();
        resolve(dialog.returnValue === 'yes');
      },
      { once: true },
    );
    root.append(dialog);
    // A test's document without a layout has no modal dialogs.
    if (dialog.showModal) dialog.showModal();
    else dialog.open = true;
  });
}
