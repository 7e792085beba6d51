// The IDN step of the rules: UTS 46 as in the browser's URL parser. The rules have checked that the ASCII characters
// of the name are only letters, digits, hyphens and dots, and they check the result.

import { bytes, readText, writeText } from './memory.js';

/**
 * Replaces a name in the module's memory by its A-labels; returns the new length, 0 when the text is no name.
 * @param {number} place
 * @param {number} length
 * @param {number} room
 */
export function idn(place, length, room) {
  try {
    // The last label keeps the parser from taking the name for an IPv4 address.
    const { hostname } = new URL(`http://${readText(place, length)}.a`);
    return hostname.endsWith('.a') ? writeText(hostname.slice(0, -2), bytes.subarray(place, place + room)) : 0;
  } catch {
    return 0;
  }
}
