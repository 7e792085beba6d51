// `/dev/mails` of `ownpost local`: what it shows, and that a mail can do nothing on it. PICTURES=1 writes the pictures of
// docs/mails.md.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible, PICTURES } from '../browser/looks.mjs';
import { launch, newPage } from '../harness/browser.mjs';
import { startLocal } from '../harness/ownpost.mjs';
import { LOCALES } from './support.mjs';

let browser;
let local;
before(async () => {
  [browser, local] = await Promise.all([launch(), startLocal()]);
});
after(async () => {
  await browser?.close();
  await local?.stop();
});

const address = (query) => `${local.url}/dev/mails${query}`;

test('every type is there in every language, and the mail in four looks', async () => {
  const page = await newPage(browser, { viewport: { width: 1400, height: 900 } });
  await page.goto(address('?type=task.due&locale=nl'));
  const [types, locales, samples] = await page
    .locator('nav')
    .evaluateAll((all) => all.map((nav) => [...nav.querySelectorAll('a')].map((link) => link.textContent)));
  assert.ok(types.length >= 24 && types.includes('ownpost.credential-expiring'), types.join(' '));
  assert.deepEqual(locales.toSorted(), LOCALES);
  assert.deepEqual(samples, ['full', 'minimal', 'hostile']);
  const subject = await page.locator('main h2').first().textContent();
  assert.equal(subject.replaceAll('\u00a0', ' '), 'Deadline 14 december 2026: Verwerking 42');
  assert.match(await page.locator('pre').textContent(), /Taak openen: https:\/\/app\.example\.com\/treatments\/42/);
  const looks = [];
  for (const frame of page.frames().slice(1)) {
    const look = await frame.evaluate(() => [innerWidth, getComputedStyle(document.body).backgroundColor]);
    looks.push(look);
  }
  const [light, dark] = ['rgb(241, 243, 246)', 'rgb(18, 22, 28)'];
  assert.deepEqual(looks, [
    [718, light],
    [358, light],
    [718, dark],
    [358, dark],
  ]);
  assert.deepEqual(page.problems, []);
  await page.getByRole('link', { name: 'minimal' }).click();
  assert.match(await page.locator('.notes').textContent(), /data\.title is missing/);
});

test('the page is accessible and fits a phone', async () => {
  for (const [width, colorScheme] of [
    [1400, 'light'],
    [360, 'dark'],
  ]) {
    const page = await newPage(browser, { viewport: { width, height: 900 }, colorScheme, bypassCSP: true });
    await page.goto(address('?type=ownpost.relay-unhealthy&sample=minimal'));
    await assertAccessible(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${wide} px at ${width}`);
  }
});

test('a mail is a document without rights, and what is not there is 404', async () => {
  const html = await fetch(address('/html?type=comment.created&locale=fr&sample=hostile'));
  const policy = html.headers.get('content-security-policy');
  assert.match(policy, /^sandbox; default-src 'none'/);
  assert.match(await html.text(), /lang="fr"/);
  const page = await fetch(address(''));
  assert.doesNotMatch(page.headers.get('content-security-policy'), /script-src|unsafe/);
  const text = await page.text();
  assert.equal(text.match(/<iframe sandbox /g).length, 4);
  assert.doesNotMatch(text, /<script|style=/);
  const eml = await fetch(address('/eml?type=task.due'));
  assert.equal(eml.headers.get('content-type'), 'message/rfc822');
  assert.match(await eml.text(), /^From: Acme <noreply@acme\.example>\r\n/);
  for (const [query, status] of [
    ['?type=nonsense', 404],
    ['?locale=xx', 404],
    ['?sample=some', 404],
    ['?color=red', 400],
    ['/html?type=<script>', 404],
  ]) {
    const answer = await fetch(address(query));
    assert.equal(answer.status, status, query);
    assert.match(answer.headers.get('content-type'), /problem\+json/);
  }
});

if (process.env.PICTURES) {
  const picture = (page, name, options = {}) =>
    page.screenshot({ path: `${PICTURES}mails-${name}.jpg`, type: 'jpeg', quality: 60, ...options });

  test('pictures', async () => {
    const page = await newPage(browser, { viewport: { width: 1420, height: 1900 } });
    await page.goto(address('?type=comment.created&locale=en'));
    await page.waitForLoadState('networkidle');
    await picture(page, 'page', { fullPage: true });
    // One sheet a language: every type on a phone, in the light and in the dark by turns.
    const types = await page.locator('nav').first().locator('a').allTextContents();
    for (const locale of LOCALES) {
      const sheet = await newPage(browser, { viewport: { width: 1520, height: 900 }, bypassCSP: true });
      await sheet.goto(address(''));
      await sheet.setContent(
        `<style>body{margin:0;background:#777;display:grid;grid-template-columns:repeat(8,190px)}
         div{width:190px;height:350px;overflow:hidden}
         iframe{border:0;width:380px;height:700px;transform:scale(.49);transform-origin:0 0}</style>` +
          types
            .map((type, index) => {
              const query = `?type=${type}&amp;locale=${locale}&amp;scheme=${index % 2 ? 'dark' : 'light'}`;
              return `<div><iframe src="/dev/mails/html${query}"></iframe></div>`;
            })
            .join(''),
      );
      await sheet.waitForLoadState('networkidle');
      await picture(sheet, locale, { fullPage: true });
      await sheet.close();
    }
  });
}
