// Modules that are loaded when they are needed, also after the network has failed.

let tries = 0;

/**
 * Loads a module. Firefox keeps a failure as long as the page lives, so after one the module is asked for under another
 * address; the error names its own. `importAgain` is an `import` that the build adds: a minifier would remove the comments
 * for which bundlers leave it alone.
 * @template M
 * @param {() => Promise<M>} load
 * @returns {Promise<M>}
 */
export async function loadAgain(load) {
  try {
    return await load();
  } catch (error) {
    const [, address] = /imported module: (https?:\S+)$/.exec(String(error)) ?? [];
    if (!address) throw error;
    tries += 1;
    return /** @type {Promise<M>} */ (importAgain(`${address}#${tries}`));
  }
}
