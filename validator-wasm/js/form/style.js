// The style sheets, shared by the elements of a page.

/** @type {Map<string, CSSStyleSheet>} */
const sheets = new Map();

/**
 * Gives an element its own sheet. Those of parts that were loaded later stay.
 * @param {ShadowRoot} root
 * @param {string} text
 */
export function dress(root, text) {
  // A test's document without a layout (jsdom) has no such sheets.
  root.adoptedStyleSheets = [...styles(root.host, text), ...(root.adoptedStyleSheets ?? []).slice(1)];
}

/**
 * Gives the element around `place` this sheet beside those that it has.
 * @param {Node} place
 * @param {string} text
 */
export function adopt(place, text) {
  const root = /** @type {ShadowRoot} */ (place.getRootNode());
  // A place that was taken away is in no element.
  if (!root.host) return;
  const added = styles(root.host, text).filter((sheet) => !root.adoptedStyleSheets.includes(sheet));
  root.adoptedStyleSheets = [...(root.adoptedStyleSheets ?? []), ...added];
}

/**
 * The sheets for an element. A browser before `light-dark()` (2024) gets the colours of the element's scheme as they are.
 * @param {Element} element
 * @param {string} text
 */
function styles(element, text) {
  // A test's document without a layout (jsdom) has no such sheets, and needs none.
  if (!globalThis.CSS?.supports || !globalThis.CSSStyleSheet?.prototype.replaceSync) return [];
  const css = CSS.supports('color', 'light-dark(#000, #fff)') ? text : plain(text, isDark(element) ? '$2' : '$1');
  let sheet = sheets.get(css);
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    sheets.set(css, sheet);
  }
  return [sheet];
}

/**
 * @param {string} text
 * @param {'$1' | '$2'} one
 */
const plain = (text, one) => text.replace(/light-dark\(([^,()]+),\s*([^,()]+)\)/g, one);

/** @param {Element} element */
function isDark(element) {
  const scheme = getComputedStyle(element).colorScheme ?? '';
  if (!scheme.includes('dark')) return false;
  return !scheme.includes('light') || matchMedia('(prefers-color-scheme: dark)').matches;
}
