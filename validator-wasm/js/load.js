// Loads a WASM module from wherever it is: beside this file, in the page's cache, on a disk.

/**
 * @import { InitOptions } from './index.js'
 * @typedef {Awaited<NonNullable<InitOptions['wasm']>>} Source
 */

/**
 * Calls `load` once. A failed call is forgotten, so that the next one tries again.
 * @template T
 * @param {(source?: T) => Promise<void>} load
 */
export function once(load) {
  /** @type {Promise<void> | undefined} */
  let loading;
  return (/** @type {T | undefined} */ source) =>
    (loading ??= load(source).catch((error) => {
      loading = undefined;
      throw error;
    }));
}

/**
 * Instantiates a module, links it with its glue, and starts it. Returns its exports.
 * @param {Source | Promise<Source>} source
 * @param {string} name of the glue, as the module imports it
 * @param {{ __wbg_set_wasm(exports: WebAssembly.Exports): void }} glue
 */
export async function link(source, name, glue) {
  const { exports } = await instantiate(await source, { [name]: glue });
  glue.__wbg_set_wasm(exports);
  /** @type {(() => void) | undefined} */ (exports.__wbindgen_start)?.();
  return exports;
}

/**
 * Instantiates a module, given as itself, as bytes, as a response, or as an address to fetch it from.
 * @param {Source} source
 * @param {WebAssembly.Imports} imports
 */
async function instantiate(source, imports) {
  if (source instanceof WebAssembly.Module) return WebAssembly.instantiate(source, imports);
  if (ArrayBuffer.isView(source) || source instanceof ArrayBuffer) {
    return (await WebAssembly.instantiate(source, imports)).instance;
  }
  if (source instanceof URL && source.protocol === 'file:') {
    const files = globalThis.process?.getBuiltinModule?.('node:fs');
    if (files) return (await WebAssembly.instantiate(files.readFileSync(source), imports)).instance;
  }
  const response = source instanceof Response ? source : await fetch(source);
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}`);
  // Streaming needs the MIME type of WASM, which not every server knows.
  const bytes = response.clone();
  try {
    return (await WebAssembly.instantiateStreaming(response, imports)).instance;
  } catch {
    return (await WebAssembly.instantiate(await bytes.arrayBuffer(), imports)).instance;
  }
}
