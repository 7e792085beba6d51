// The form's words: every language says the same things, with the same parameters.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const words = (locale) =>
  JSON.parse(readFileSync(new URL(`../../validator-wasm/locales/${locale}/form.json`, import.meta.url), 'utf8'));
const parameters = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
const english = words('en');

for (const locale of ['fr', 'nl', 'de', 'es']) {
  test(`${locale} says what English says`, () => {
    const own = words(locale);
    assert.deepEqual(Object.keys(own), Object.keys(english));
    for (const [key, text] of Object.entries(own)) assert.deepEqual(parameters(text), parameters(english[key]), key);
  });
}
