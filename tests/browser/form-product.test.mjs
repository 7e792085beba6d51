// The form inside a product: browsers without light-dark(), touch, a narrow page in every language, a first visit.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch } from '../harness/browser.mjs';
import { becomes } from '../harness/wait.mjs';
import { withForm } from './form-page.mjs';
import { OFFERED, PASSED } from './form-samples.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const TEXT = { light: 'rgb(26, 33, 48)', dark: 'rgb(232, 235, 242)' };

for (const scheme of ['light', 'dark'])
  test(`a browser without light-dark() has the ${scheme} colours, those of the results too`, () =>
    withForm(browser, { context: { colorScheme: scheme } }, async ({ page, form, server, button, fillIn }) => {
      await page.addInitScript(() => {
        const { supports } = CSS;
        CSS.supports = (name, value) => !String(value).includes('light-dark') && supports.call(CSS, name, value);
      });
      await page.reload();
      await form.locator('.status').waitFor();
      server.script['POST /smtp/test'] = { json: PASSED };
      await fillIn();
      await button('test').click();
      await form.locator('.banner.good').waitFor();
      const [sheets, color, background] = await form.evaluate((element) => [
        [...element.shadowRoot.adoptedStyleSheets].map((sheet) =>
          [...sheet.cssRules].map((rule) => rule.cssText).join(),
        ),
        getComputedStyle(element).color,
        getComputedStyle(element.shadowRoot.querySelector('#f-host')).backgroundColor,
      ]);
      assert.equal(sheets.length, 2);
      for (const css of sheets) assert.ok(css.length > 1000 && !css.includes('light-dark'));
      assert.equal(color, TEXT[scheme]);
      assert.equal(background, scheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(23, 27, 36)');
    }));

/** The smallest text of the form's inputs, in pixels. */
const smallest = (form) =>
  form.evaluate((element) =>
    Math.min(
      ...[...element.shadowRoot.querySelectorAll('input:not([type=radio]), select, textarea')].map((input) =>
        Number.parseFloat(getComputedStyle(input).fontSize),
      ),
    ),
  );

test('under a finger no input has text below 16 px, so that no phone zooms in', async () => {
  const phone = { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true };
  await withForm(browser, { context: phone }, async ({ form }) => assert.ok((await smallest(form)) >= 16));
  await withForm(browser, {}, async ({ form }) =>
    assert.ok((await smallest(form)) < 16, 'with a mouse it is as the page'),
  );
});

/** The words of labels, choices and buttons that stand in more than one line. */
const broken = (form) =>
  form.evaluate((element) => {
    const words = [];
    for (const place of element.shadowRoot.querySelectorAll('.choices span, .label, .button, h3, h4, summary')) {
      const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; node = walker.nextNode())
        for (const { 0: word, index } of node.data.matchAll(/[\p{L}\p{N}.]+/gu)) {
          const range = document.createRange();
          range.setStart(node, index);
          range.setEnd(node, index + word.length);
          const lines = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
          if (lines.size > 1) words.push(word);
        }
    }
    return words;
  });

for (const locale of ['nl', 'de', 'fr', 'es', 'en'])
  test(`at 360 px no word is broken in ${locale}`, () =>
    withForm(
      browser,
      { locale, context: { viewport: { width: 360, height: 800 } }, script: { 'GET /smtp': { json: OFFERED } } },
      async ({ form, page }) => {
        await form.locator('.connect').waitFor();
        await form.evaluate((element) => {
          for (const details of element.shadowRoot.querySelectorAll('details')) details.open = true;
        });
        await becomes(() => broken(form), []);
        assert.ok(
          await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth),
        );
      },
    ));

test('a first visit logs no error, and asks once', () =>
  withForm(browser, {}, async ({ page, form, server }) => {
    await form.locator('.status.platform').waitFor();
    assert.deepEqual(page.problems, []);
    assert.deepEqual(
      server.calls.map(({ key, query }) => [key, query]),
      [['GET /smtp', { default: '1' }]],
    );
  }));
