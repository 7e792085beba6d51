// The messages of the two elements and of the inspector: every language has the same keys, with the same parameters.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const messages = (locale, file) =>
  JSON.parse(readFileSync(new URL(`../../validator-wasm/locales/${locale}/${file}.json`, import.meta.url), 'utf8'));
const parameters = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

for (const file of ['form', 'deliveries', 'inspector']) {
  const english = messages('en', file);
  for (const locale of ['fr', 'nl', 'de', 'es']) {
    test(`${locale} has the messages of English in ${file}.json`, () => {
      const own = messages(locale, file);
      assert.deepEqual(Object.keys(own), Object.keys(english));
      for (const [key, text] of Object.entries(own)) assert.deepEqual(parameters(text), parameters(english[key]), key);
    });
  }
}
