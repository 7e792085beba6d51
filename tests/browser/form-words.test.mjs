// The form's messages: every language has the same keys, with the same parameters.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const messages = (locale) =>
  JSON.parse(readFileSync(new URL(`../../validator-wasm/locales/${locale}/form.json`, import.meta.url), 'utf8'));
const parameters = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
const english = messages('en');

for (const locale of ['fr', 'nl', 'de', 'es']) {
  test(`${locale} has the messages of English`, () => {
    const own = messages(locale);
    assert.deepEqual(Object.keys(own), Object.keys(english));
    for (const [key, text] of Object.entries(own)) assert.deepEqual(parameters(text), parameters(english[key]), key);
  });
}
