/** The rules, for bundlers that give a file's address: `init({ wasm: new URL(wasm, import.meta.url) })`. */
declare const wasm: string;
export default wasm;
