// The part of the form that the modules use that draw it.

/** @import { FormContext, Hooks } from '../../types/form.js' */

/**
 * @param {Hooks} form
 * @returns {FormContext}
 */
export function contextOf(form) {
  const { t, editing, later, current, session } = form;
  const { controls } = editing;
  return {
    t,
    controls,
    changed: (path) => editing.changed(path),
    suggest: (text) => editing.suggest(text),
    applyPreset: (fragment) => editing.applyPreset(fragment),
    applyFix: (issue) => editing.applyFix(issue),
    applyProven: (patch) => {
      editing.patch(patch);
      later.act((actions) => actions.again());
    },
    labelOf: (path) => controls.nearest(path)?.label ?? null,
    focusField: (path) => editing.focus(path),
    setValue: (path, value) => editing.set(path, value),
    announce: form.announce,
    call: (method, path, again, more = {}) => form.call(method, path, more, again),
    patch: (patch) => {
      editing.patch(patch);
      current.show();
    },
    draft: () => editing.draft,
    replace: form.replace,
    offers: () => current.active?.offers ?? [],
    connect: (offer) => later.connect(offer),
    results: () => later.results(),
    goOn: () => session.goOn(),
    change: () => current.change(),
    test: () => later.act((actions) => actions.run('test')),
    rollback: () => later.act((actions) => actions.rollback()),
    remove: () => later.act((actions) => actions.remove()),
  };
}
