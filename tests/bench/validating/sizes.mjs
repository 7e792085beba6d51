// The size of the code that a page loads: bundled and minified by esbuild, compressed by gzip.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const dist = (file) => readFileSync(here(`../../../validator-wasm/dist/${file}`));

export const gzip = (bytes) => gzipSync(bytes, { level: 9 }).length;

/** A module with everything it imports, as one script text. */
export function bundle(file, format = 'esm') {
  const esbuild = here('../../../validator-wasm/node_modules/esbuild/bin/esbuild');
  const options = [
    here(file),
    '--bundle',
    '--minify',
    `--format=${format}`,
    '--target=es2022',
    '--platform=browser',
    '--charset=utf8',
    '--external:./locales/*',
    ...['fr', 'nl', 'de', 'es'].map((tag) => `--external:../locales/${tag}.js`),
    '--log-level=error',
    ...(format === 'iife' ? ['--global-name=bench'] : []),
  ];
  return execFileSync(process.execPath, [esbuild, ...options], { maxBuffer: 1 << 26 });
}

/** The files of the package: the module, and the façade with its messages in English. */
const OWN = {
  ownpost: ['validator.wasm', 'index.js'],
  objects: ['objects/documents.wasm', 'objects/index.js'],
};

/** Compressed bytes of each contestant. */
export function sizes(names) {
  const size = (name) =>
    OWN[name]?.reduce((sum, file) => sum + gzip(dist(file)), 0) ?? gzip(bundle(`contestants/${name}.mjs`));
  return Object.fromEntries(names.map((name) => [name, size(name)]));
}
