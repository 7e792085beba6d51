// The module's memory, as bytes. It moves when it grows.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export let memory;
export let bytes = new Uint8Array(0);

export function useMemory(wasmMemory) {
  memory = wasmMemory;
}

/** The bytes where they are now. */
export function look() {
  if (bytes.length === 0) bytes = new Uint8Array(memory.buffer);
}

export function readText(start, length) {
  look();
  return decoder.decode(bytes.subarray(start, start + length));
}

/** Writes as much of the text as there is room for; how many bytes that are. */
export const writeText = (text, place) => encoder.encodeInto(text, place).written;
