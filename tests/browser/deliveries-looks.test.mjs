// <smtp-deliveries> in light and dark, on a desktop and at 360 px: axe finds nothing and no element is out of place, also
// from right to left, in forced colours, with larger text and zoomed. With PICTURES=1 the test writes its pictures.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, newPage } from '../harness/browser.mjs';
import { becomes } from '../harness/wait.mjs';
import { ledger } from './deliveries-samples.mjs';
import { start } from './form-server.mjs';
import { misplaced } from './geometry.mjs';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const PICTURES = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url));
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const STATES = {
  list: async (list) => {
    await list.locator('.mail[data-status=failed] summary').click();
    await list.getByLabel('Choose all that are shown').check();
  },
  question: async (list) => {
    await list.locator('.mail[data-status=unknown] summary').click();
    await list.locator('.mail[data-status=unknown]').getByRole('button', { name: 'Send again' }).click();
  },
};

const OTHERWISE = {
  'from right to left': (page) => page.evaluate(() => (document.documentElement.dir = 'rtl')),
  'in forced colours': (page) => page.emulateMedia({ forcedColors: 'active' }),
  'with text of twice the size': (page) => page.addStyleTag({ content: ':root { font-size: 30px !important; }' }),
  'at half the width': (page, width) => page.setViewportSize({ width: Math.max(320, width / 2), height: 400 }),
};

async function assertInPlace(page, list, how) {
  await becomes(() => misplaced(list), [], how);
  const [content, visible] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  assert.ok(content <= visible, `${how}, nothing is wider than the page: ${content} > ${visible}`);
}

for (const [name, reach] of Object.entries(STATES)) {
  for (const scheme of ['light', 'dark']) {
    for (const [device, width] of [
      ['desktop', 1000],
      ['phone', 360],
    ]) {
      test(`${name}, ${scheme}, ${device}`, async () => {
        const server = await start();
        Object.assign(server.script, ledger());
        const page = await newPage(browser, {
          viewport: { width, height: 800 },
          colorScheme: scheme,
          reducedMotion: 'reduce',
          bypassCSP: true,
        });
        page.setDefaultTimeout(60_000);
        try {
          await page.goto(`${server.origin}/deliveries`);
          const list = page.locator('smtp-deliveries');
          await list.locator('.list > li').first().waitFor();
          await reach(list);
          await page.addScriptTag({ path: AXE });
          const { violations } = await page.evaluate(() =>
            window.axe.run(document, {
              runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
            }),
          );
          assert.deepEqual(
            violations.map(({ id, nodes }) => [
              id,
              ...nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`),
            ]),
            [],
          );
          await assertInPlace(page, list, 'as it is');
          if (process.env.PICTURES) {
            const place = name === 'question' ? page : page.locator('main');
            await place.screenshot({ path: `${PICTURES}deliveries-${name}-${device}-${scheme}.png` });
          }
          for (const [how, look] of scheme === 'light' ? Object.entries(OTHERWISE) : []) {
            await look(page, width);
            await assertInPlace(page, list, how);
          }
        } finally {
          await page.context().close();
          await server.close();
        }
      });
    }
  }
}
