// Names as A-labels, by the engine's URL parser.

/**
 * The name as A-labels in lower case; empty when it is no name. Its ASCII characters are letters, digits, hyphens,
 * underscores and dots.
 * @param {string} name
 */
export function ascii(name) {
  try {
    // The last label keeps the parser from taking the name for an IPv4 address.
    const { hostname } = new URL(`http://${name}.a`);
    return hostname.endsWith('.a') ? hostname.slice(0, -2) : '';
  } catch {
    return '';
  }
}
