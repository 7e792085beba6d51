// Names as A-labels, by the engine's URL parser.

const LAST = '.xn--9ca.a';

/**
 * The name as A-labels in lower case; empty when it is no name. Its ASCII characters are letters, digits, hyphens,
 * underscores and dots.
 * @param {string} name
 */
export function ascii(name) {
  try {
    // The last label keeps the parser from taking the name for an IPv4 address. The one before is beyond ASCII: of a name
    // without such a label some engines (Chromium, workerd) do not look at the A-labels.
    const { hostname } = new URL(`http://${name}.é.a`);
    return hostname.endsWith(LAST) ? hostname.slice(0, -LAST.length) : '';
  } catch {
    return '';
  }
}
