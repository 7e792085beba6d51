// The source of a mail, as it is pasted, dropped or chosen: a text, or the bytes of a file.

/** @import { Source } from '../../types/inspect.js' */

/** The largest mail that is read, in bytes; one more shows that it is larger. */
const LARGEST = 1 << 20;

/**
 * Reads a file, or null where it cannot be read.
 * @param {File} file
 * @returns {Promise<Source | null>}
 */
export async function readFile(file) {
  try {
    return { name: file.name, data: new Uint8Array(await file.slice(0, LARGEST + 1).arrayBuffer()) };
  } catch {
    // The file has gone, or may not be read.
    return null;
  }
}

/**
 * The header of a mail that is too large as a whole; null when it has no end.
 * @param {Source['data']} data
 */
export function headerOf(data) {
  // One character for each byte: the places in the text are those in the bytes.
  const text = typeof data === 'string' ? data : new TextDecoder('latin1').decode(data);
  const begin = text.search(/\S/);
  const end = text.slice(begin).search(/\r?\n\r?\n/);
  return end < 1 ? null : data.slice(0, begin + end);
}

/**
 * What was dropped: a file or a text.
 * @param {DataTransfer | null} dropped
 */
export function ofDrop(dropped) {
  return dropped?.files[0] ?? (dropped?.getData('text/plain') || null);
}
