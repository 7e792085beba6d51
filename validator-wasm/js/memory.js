// The module's memory as bytes. The view has to be renewed when the memory has grown.

const encoder = new TextEncoder();
// A byte order mark is kept like any other character, because an issue may be about it.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** @type {WebAssembly.Memory} */
export let memory;
export let bytes = new Uint8Array(0);

/** @param {WebAssembly.Memory} wasmMemory */
export function useMemory(wasmMemory) {
  memory = wasmMemory;
}

/** Renews the view if the memory has grown since. */
export function refreshView() {
  if (bytes.length === 0) bytes = new Uint8Array(memory.buffer);
}

/**
 * @param {number} start
 * @param {number} length
 */
export function readText(start, length) {
  refreshView();
  return decoder.decode(bytes.subarray(start, start + length));
}

/**
 * Writes as much of the text as there is room for; returns the number of bytes written.
 * @param {string} text
 * @param {Uint8Array} place
 */
export const writeText = (text, place) => encoder.encodeInto(text, place).written;
