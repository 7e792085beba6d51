// The download of a page for `validate` in one language: the module, the façade with its glue, and the messages.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { dist } from './support.mjs';

/** Bytes after gzip: 1 % above the size at the last change of this number. */
const BUDGET = 32_115;

const ADVICE = `Every page with a form waits for these bytes. First look at what grew:
  - validator.wasm: does the change format or compare strings with the standard library, or compile a generic function
    more than once? \`text.rs\` of the rules has small functions for that. Is \`cdylib\` still the only crate-type?
    With \`rlib\` beside it the linker does not optimise across crates.
  - index.js: are the names of fields, codes and params still made from the tables, and not written once more?
If the change is worth its bytes, set BUDGET to 1 % above the new size in the same commit, and say in its message what
the bytes buy.`;

/** The parts of the object API, likewise. */
const OBJECTS = [
  { part: 'settings and events', files: ['objects/documents.wasm', 'objects/index.js'], budget: 110_800 },
  { part: 'inspect', files: ['objects/inspect.wasm', 'objects/inspect.js'], budget: 97_900 },
];

function measure(files, budget) {
  const sizes = files.map((name) => [name, gzipSync(readFileSync(new URL(name, dist)), { level: 9 }).length]);
  const total = sizes.reduce((sum, [, size]) => sum + size, 0);
  const measured = `${sizes.map(([name, size]) => `${name} ${size}`).join(' + ')} = ${total} of ${budget} bytes`;
  return { total, measured };
}

test('the module, the façade and English together stay within the budget', (t) => {
  const { total, measured } = measure(['validator.wasm', 'index.js'], BUDGET);
  t.diagnostic(measured);
  assert.ok(total <= BUDGET, `${measured}: ${total - BUDGET} too many.\n${ADVICE}`);
});

for (const { part, files, budget } of OBJECTS) {
  test(`${part} as objects, with the façade, stay within the budget`, (t) => {
    const { total, measured } = measure(files, budget);
    t.diagnostic(measured);
    assert.ok(
      total <= budget,
      `${measured}: ${total - budget} too many. See V9 of docs/decisions.md: where the bytes were.`,
    );
  });
}
