// The texts as their readers see them, a page for each language, so that a change of wording is seen where it is reviewed:
// `OWNPOST_WRITE=1 node --test tests/mails/golden.test.mjs` writes them.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { heading, LOCALES, mails } from './support.mjs';

function same(file, text) {
  const path = join(import.meta.dirname, 'golden', file);
  if (process.env.OWNPOST_WRITE) writeFileSync(path, text);
  const again = 'OWNPOST_WRITE=1 node --test tests/mails/golden.test.mjs';
  assert.equal(text, readFileSync(path, 'utf8'), `${file} is behind: ${again}`);
}

/** No-break spaces as a reviewer can see them. */
const visible = (text) =>
  text.replaceAll('\u00a0', '⍽').replaceAll('\u202f', '⌴').replaceAll('\u2068', '⟦').replaceAll('\u2069', '⟧');

for (const locale of LOCALES) {
  test(`the texts in ${locale}`, async () => {
    const all = (await mails()).filter((mail) => mail.locale === locale && mail.sample !== 'hostile');
    all.sort((one, other) => one.type.localeCompare(other.type, 'en') || one.sample.localeCompare(other.sample, 'en'));
    const pages = all.map(
      ({ type, sample, html, text }) =>
        `${'='.repeat(100)}\n${type}, ${sample}\n${'='.repeat(100)}\n${visible(`${heading(html)}\n\n${text}`)}`,
    );
    same(`${locale}.txt`, `⍽ is U+00A0, ⌴ is U+202F.\n${pages.join('\n')}`);
  });
}

test('the HTML of one mail of each shape', async () => {
  const all = await mails();
  for (const name of ['full comment.created en', 'full ownpost.test fr', 'hostile rights-request.message nl']) {
    same(`${name.replaceAll(' ', '.')}.html`, all.find((mail) => mail.name === name).html);
  }
});
