// The IDN step of the rules: UTS 46 as the browser's URL parser has it. The rules have made sure that the name
// holds no ASCII but letters, digits, hyphens and dots, and look at what comes out.

/**
 * A name as A-labels.
 * @param {string} name
 * @returns {string | undefined}
 */
export function idn(name) {
  try {
    // The last label keeps the parser from taking the name for an IPv4 address.
    const { hostname } = new URL(`http://${name}.a`);
    return hostname.endsWith(".a") ? hostname.slice(0, -2) : undefined;
  } catch {
    return undefined;
  }
}
