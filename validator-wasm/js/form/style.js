// The style sheets, shared by the elements of a page.

/** @type {Map<string, CSSStyleSheet>} */
const sheets = new Map();

/**
 * The sheets for an element. A browser before `light-dark()` (2024) gets the colours of the element's scheme as they are.
 * @param {Element} element
 * @param {string} text
 */
export function styles(element, text) {
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
