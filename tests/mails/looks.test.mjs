// The HTML of every mail in a browser: accessible by axe in light and dark, no element that data has brought, short enough.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';
import { launch, newPage } from '../harness/browser.mjs';
import { mails } from './support.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Gmail shows no more of a mail than that. */
const LARGEST = 102 * 1024;
/** The colours in which axe looks at a mail. The layout is one for all languages: one is looked at in all, the others with all data. */
function looks({ locale, sample }) {
  if (locale === 'en') return ['light', 'dark'];
  return sample === 'full' ? ['light'] : [];
}

/** The width of a phone. */
const NARROW = 360;

test('no mail is longer than Gmail shows', async () => {
  for (const mail of await mails()) assert.ok(Buffer.byteLength(mail.html) <= LARGEST, mail.name);
});

test('axe finds nothing, nothing acts, and nothing is wider than a phone', async () => {
  const browser = await launch();
  try {
    const page = await newPage(browser, { viewport: { width: NARROW, height: 640 } });
    for (const mail of await mails()) {
      await page.setContent(mail.html);
      const acting = 'script, iframe, form, input, object, embed, base, meta[http-equiv], [onclick], [onload], b';
      assert.equal(await page.locator(acting).count(), 0, mail.name);
      for (const colorScheme of looks(mail)) {
        await page.emulateMedia({ colorScheme });
        if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe);
        const found = await page.evaluate(async () => {
          const { violations } = await globalThis.axe.run({ resultTypes: ['violations'] });
          return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 200)}`));
        });
        assert.deepEqual(found, [], `${mail.name}, ${colorScheme}`);
      }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= NARROW, `${mail.name}: ${wide} px`);
    }
    assert.deepEqual(page.problems, []);
  } finally {
    await browser.close();
  }
});
