// The caught mail on the page of `ownpost local`: pushed, and in pages.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { launch, newPage } from '../harness/browser.mjs';
import { startLocal } from '../harness/ownpost.mjs';
import { signIn } from '../harness/page.mjs';

const event = (number) => ({
  id: `e${number}`,
  tenant: 'acme',
  category: 'notification',
  type: 'comment.created',
  recipients: [{ address: `r${number}@example.org` }],
  data: {},
});

test('caught mail is pushed, comes in pages, and is not fetched while nothing happens', async (context) => {
  const local = await startLocal();
  context.after(() => local.stop());
  const browser = await launch();
  context.after(() => browser.close());
  const page = await newPage(browser);
  let fetched = 0;
  page.on('request', (request) => {
    if (request.url().includes('/dev/mail?')) fetched += 1;
  });
  await signIn(page, local.url, { tenant: 'acme', email: 'admin@acme.test' });
  await page.locator('#mail').getByText('No mail yet.').waitFor();

  const call = await local.as('acme');
  const events = Array.from({ length: 120 }, (_, number) => event(number));
  assert.equal((await call('POST', '/api/events', events)).status, 202);
  const rows = page.locator('#mail li');
  const older = page.getByRole('button', { name: 'Older mail' });
  const shown = (count) =>
    page.waitForFunction((wanted) => document.querySelectorAll('#mail li').length === wanted, count);
  await older.waitFor();
  while ((await local.caught('platform')).length < 120) await page.waitForTimeout(100);
  await page.waitForTimeout(1000);
  await shown(50);
  await older.click();
  await shown(100);

  await call('POST', '/api/events', event(1000));
  await rows.first().getByText('r1000@example.org').waitFor();
  await shown(100);
  await older.click();
  await shown(121);
  assert.equal(await older.isHidden(), true);

  const before = fetched;
  await page.waitForTimeout(4000);
  assert.equal(fetched, before);
  assert.deepEqual(page.problems, []);
});
