// What is asked of every look of an element: axe finds nothing, and no element is out of place, however the page is viewed.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { newPage } from '../harness/browser.mjs';
import { becomes } from '../harness/wait.mjs';
import { misplaced } from './geometry.mjs';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** Where PICTURES=1 writes the pictures. */
export const PICTURES = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url));

/** The state whose pictures docs/form.md shows in every look; it shows the others on a desktop in light. */
const IN_EVERY_LOOK = 'form-inspected-bad';

/** Writes a picture with PICTURES=1. A palette is enough for a page, and makes the picture a quarter of its size. */
export async function picture(place, name, { device, scheme }) {
  if (name !== IN_EVERY_LOOK && !(device === 'desktop' && scheme === 'light')) return;
  const palette = ['24', '--speed', '1', '--strip', '--nofs', '-'];
  const png = execFileSync('pngquant', palette, { input: await place.screenshot(), maxBuffer: 1 << 26 });
  writeFileSync(`${PICTURES}${name}-${device}-${scheme}.png`, png);
}

/** The looks that every state is tried in. */
export const LOOKS = ['light', 'dark'].flatMap((scheme) =>
  Object.entries({ desktop: 1000, phone: 360 }).map(([device, width]) => ({ scheme, device, width })),
);

/** Opens a page with this look. */
export async function open(browser, { scheme, width }) {
  const page = await newPage(browser, {
    viewport: { width, height: 800 },
    colorScheme: scheme,
    reducedMotion: 'reduce',
    bypassCSP: true,
  });
  page.setDefaultTimeout(60_000);
  return page;
}

/** Checks that axe finds nothing on the page. */
export async function assertAccessible(page) {
  await page.addScriptTag({ path: AXE });
  const { violations } = await page.evaluate((runOnly) => window.axe.run(document, { runOnly }), RULES);
  assert.deepEqual(
    violations.map(({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`)]),
    [],
  );
}

/** Checks that nothing in the element is out of place, and nothing wider than the page. */
export async function assertInPlace(page, element, how = 'as it is') {
  await becomes(() => misplaced(element), [], how);
  const [content, visible] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  assert.ok(content <= visible, `${how}, nothing is wider than the page: ${content} > ${visible}`);
}

// Other ways to view a page; each begins in the state after the one before.
const BACK = 'from left to right again';
const OTHERWISE = {
  'from right to left': (page) => page.evaluate(() => (document.documentElement.dir = 'rtl')),
  'in forced colours': (page) => page.emulateMedia({ forcedColors: 'active' }),
  [BACK]: (page) => page.evaluate(() => (document.documentElement.dir = 'ltr')),
  'with text of twice the size': (page) => page.addStyleTag({ content: ':root { font-size: 30px !important; }' }),
  'at half the width, which is 200 % zoom': (page, width) =>
    page.setViewportSize({ width: Math.max(320, width / 2), height: 400 }),
};

/** The same however the page is viewed. The places of elements are the same in the dark. */
export async function assertInPlaceOtherwise(page, element, { scheme, width }, { staysRightToLeft = false } = {}) {
  for (const [how, look] of scheme === 'light' ? Object.entries(OTHERWISE) : []) {
    if (staysRightToLeft && how === BACK) continue;
    await look(page, width);
    await assertInPlace(page, element, how);
  }
}
