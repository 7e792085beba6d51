// What the package's elements have in common with each other.

/**
 * Takes over the properties that were set before the element was defined: each is an own one and hides the accessor.
 * @param {HTMLElement} element
 * @param {string[]} names
 */
export function takeOver(element, names) {
  for (const name of names) {
    const own = Object.getOwnPropertyDescriptor(element, name);
    if (!own) continue;
    Reflect.deleteProperty(element, name);
    Reflect.set(element, name, own.value);
  }
}

/**
 * The language of an element: its own `locale`, else that of the page around it, else the reader's.
 * @param {HTMLElement} element
 */
export function languageOf(element) {
  const around = /** @type {HTMLElement | null} */ (element.closest('[lang]'));
  return element.getAttribute('locale') ?? around?.lang ?? navigator.language;
}
