// <smtp-deliveries> in light and dark, on a desktop and at 360 px: axe finds nothing and no element is out of place, also
// from right to left, in forced colours, with larger text and zoomed. With PICTURES=1 the test writes its pictures.
import { after, before, test } from 'node:test';
import { launch } from '../harness/browser.mjs';
import { ROWS, ledger } from './deliveries-samples.mjs';
import { ACTIVE } from './form-samples.mjs';
import { start } from './form-server.mjs';
import { BAD } from './inspect-samples.mjs';
import { LOOKS, assertAccessible, assertInPlace, assertInPlaceOtherwise, open, picture } from './looks.mjs';

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
  inspected: async (list) => {
    const mail = list.locator('.mail[data-status=sent]');
    await mail.locator('summary').first().click();
    await mail.getByText('Did it come by your server?', { exact: true }).click();
    await mail.locator('textarea').fill(BAD);
    await mail.locator('.banner').waitFor();
  },
  question: async (list) => {
    await list.locator('.mail[data-status=unknown] > summary').click();
    await list.locator('.mail[data-status=unknown]').getByRole('button', { name: 'Send again' }).click();
  },
};

for (const [name, reach] of Object.entries(STATES)) {
  for (const look of LOOKS) {
    const { scheme, device } = look;
    test(`${name}, ${scheme}, ${device}`, async () => {
      const server = await start();
      Object.assign(server.script, ledger(), { 'GET /smtp': { json: { ...ACTIVE, revision: ROWS[0].revision } } });
      const page = await open(browser, look);
      try {
        await page.goto(`${server.origin}/deliveries`);
        const list = page.locator('smtp-deliveries');
        await list.locator('.list > li').first().waitFor();
        await reach(list);
        await assertAccessible(page);
        await assertInPlace(page, list);
        if (process.env.PICTURES && name !== 'question')
          await picture(page.locator('main'), `deliveries-${name}`, look);
        await assertInPlaceOtherwise(page, list, look, { staysRightToLeft: true });
      } finally {
        await page.context().close();
        await server.close();
      }
    });
  }
}
