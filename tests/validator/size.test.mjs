// What a page downloads for `validate` in one language: the module, the façade with its glue, and the messages.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { dist } from './support.mjs';

/** Bytes of gzip. When a change needs more, it should be worth the wait of everybody who opens a form. */
const BUDGET = 28_550;

test('the module, the façade and English together stay within the budget', (t) => {
  const sizes = ['validator.wasm', 'index.js'].map((name) => [
    name,
    gzipSync(readFileSync(new URL(name, dist)), { level: 9 }).length,
  ]);
  const total = sizes.reduce((sum, [, size]) => sum + size, 0);
  t.diagnostic(`${sizes.map(([name, size]) => `${name} ${size}`).join(' + ')} = ${total} of ${BUDGET} bytes`);
  assert.ok(total <= BUDGET, `${total} bytes of gzip, and the budget is ${BUDGET}`);
});
