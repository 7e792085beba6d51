// The module's memory, as bytes and as numbers. It moves when it grows.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

let memory;

export let bytes = new Uint8Array(0);
export let numbers;

export function useMemory(wasmMemory) {
  memory = wasmMemory;
  refresh();
}

export function refresh() {
  bytes = new Uint8Array(memory.buffer);
  numbers = new DataView(memory.buffer);
}

export function readText(start, length) {
  if (bytes.length === 0) refresh();
  return decoder.decode(bytes.subarray(start, start + length));
}

/** Writes as much of the text as there is room for; how many bytes that are. */
export function writeText(text, start, room) {
  return encoder.encodeInto(text, bytes.subarray(start, start + room)).written;
}
