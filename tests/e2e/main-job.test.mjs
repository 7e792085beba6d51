// The main job with real parts: an admin fills in the form in a browser, the test passes stage by stage against a
// real Postfix, and from then on the product's notifications leave through that server, until the admin goes back to
// the platform's server.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import PostalMime from 'postal-mime';
import { launch, newPage } from '../harness/browser.mjs';
import { everythingWritten, startLocal } from '../harness/ownpost.mjs';
import { CATEGORIES, draftFor, enterPassword, fill, fire, signIn, stages } from '../harness/page.mjs';
import { startPostfix } from '../harness/postfix.mjs';
import { becomes, until } from '../harness/wait.mjs';

const PASSWORD = 'correct-horse battery "staple" ü';
const WRONG = 'not-the-password-at-all';
const TENANT = 'acme';

let postfix;
let browser;
before(async () => {
  postfix = await startPostfix({ password: PASSWORD, sender: 'noreply@customer.test' });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await postfix?.stop();
});

/** The mails that have arrived at Postfix, parsed, without those of `earlier`. */
const arrived = async (earlier = new Set()) =>
  Promise.all(
    postfix
      .mails()
      .filter((raw) => !earlier.has(raw))
      .map((raw) => PostalMime.parse(raw)),
  );

for (const security of ['starttls', 'tls']) {
  describe(`a customer's Postfix with ${security}`, () => {
    const passed =
      security === 'tls'
        ? ['resolve', 'connect', 'tls', 'greeting', 'ehlo', 'auth', 'sender', 'recipient', 'message']
        : ['resolve', 'connect', 'greeting', 'ehlo', 'tls', 'auth', 'sender', 'recipient', 'message'];
    let local;
    let page;
    let api;
    before(async () => {
      const { submission, smtps } = postfix.ports;
      local = await startLocal({
        env: { OWNPOST_ALLOW_NETWORKS: '127.0.0.0/8', OWNPOST_ALLOW_PORTS: `${submission},${smtps}` },
      });
      api = await local.as(TENANT);
      page = await newPage(browser);
      await signIn(page, local.url, { tenant: TENANT, email: 'admin@acme.test' });
    });
    after(async () => {
      await page?.context().close();
      await local?.stop();
    });

    test('the stages pass and the settings become active', async () => {
      const earlier = new Set(postfix.mails());
      await fill(page, draftFor(postfix, { security, password: PASSWORD }));
      await page.getByRole('button', { name: 'Test and activate' }).click();
      await page.locator('smtp-settings-form p', { hasText: 'From now on your notifications leave through' }).waitFor();
      await becomes(
        () => stages(page),
        passed.map((stage) => [stage, 'passed']),
      );
      const [mail, ...others] = await until('the test mail', async () => {
        const mails = await arrived(earlier);
        return mails.length > 0 && mails;
      });
      assert.equal(others.length, 0);
      assert.equal(mail.from.address, postfix.sender);
      assert.deepEqual(
        mail.to.map(({ address }) => address),
        ['admin@acme.test'],
      );
    });

    test('all four kinds of notification arrive through it, and none through the platform', async () => {
      const earlier = new Set(postfix.mails());
      for (const category of CATEGORIES) await fire(page, category);
      const mails = await until('four mails', async () => {
        const mails = await arrived(earlier);
        return mails.length >= CATEGORIES.length && mails;
      });
      assert.equal(mails.length, CATEGORIES.length);
      for (const mail of mails) assert.equal(mail.from.address, postfix.sender, mail.subject);
      assert.equal(new Set(mails.map(({ subject }) => subject)).size, CATEGORIES.length);
      assert.deepEqual(await local.caught('platform'), []);
      // A mail is at Postfix a moment before its row says so.
      const rows = async (wanted) => {
        const { body } = await api('GET', '/api/deliveries');
        const rows = body.deliveries.filter(({ category }) => category === wanted);
        return rows.map(({ route, status }) => ({ route, status }));
      };
      for (const category of CATEGORIES) {
        await becomes(() => rows(category), [{ route: 'relay', status: 'sent' }], category);
      }
    });

    test('a wrong password is explained, and the earlier settings still carry mail', async () => {
      const active = (await api('GET', '/api/smtp')).body;
      await enterPassword(page, WRONG);
      await page.getByRole('button', { name: 'Test and activate' }).click();
      const banner = page.locator('smtp-settings-form [part~="banner-bad"]');
      await banner.waitFor();
      await becomes(() => banner.innerText(), /The test failed: Sign in/);
      await becomes(() => banner.innerText(), /535 5\.7\.8 .*authentication failed/);
      await becomes(() => banner.innerText(), /What to do\s+\S+/);
      await becomes(async () => (await stages(page)).find(([stage]) => stage === 'auth'), ['auth', 'failed']);
      assert.equal((await api('GET', '/api/smtp')).body.revision, active.revision);

      const earlier = new Set(postfix.mails());
      await fire(page, 'notification');
      await until('the mail', async () => (await arrived(earlier)).length === 1);
      assert.deepEqual(await local.caught('platform'), []);
    });

    test('back to the platform: the next notification leaves by its relay', async () => {
      const earlier = new Set(postfix.mails());
      await page.getByRole('button', { name: 'Discard the changes' }).click();
      await page.getByRole('button', { name: 'Back to the platform’s server' }).click();
      await page.getByRole('button', { name: 'Use the platform’s server' }).click();
      await page.getByText('The platform’s mail server is in use').first().waitFor();
      assert.equal((await api('GET', '/api/smtp')).status, 404);
      await fire(page, 'notification');
      const [mail] = await until('the mail at the platform', async () => {
        const caught = await local.caught('platform');
        return caught.length > 0 && caught;
      });
      assert.notEqual(mail.envelope.from, postfix.sender);
      assert.deepEqual(await arrived(earlier), []);
    });

    test('nothing went wrong on the page', () => assert.deepEqual(page.problems, []));
  });
}

test('no password appears in anything that was logged', () => {
  const output = everythingWritten();
  assert.match(output, /INFO ownpost/, 'nothing was logged, so nothing was looked at');
  for (const secret of [PASSWORD, WRONG]) {
    const spellings = {
      plain: secret,
      json: JSON.stringify(secret).slice(1, -1),
      base64: Buffer.from(secret).toString('base64'),
      'AUTH PLAIN': Buffer.from(`\0${postfix.username}\0${secret}`).toString('base64'),
    };
    for (const [spelling, text] of Object.entries(spellings)) {
      assert.ok(!output.includes(text), `a password in ${spelling} was logged`);
    }
  }
});
