// The examples, built and used in a browser against `ownpost local`: from an empty form to an active server, with the
// embedded relay of the example customer. The form's events reach the frameworks' own handlers.
import assert from 'node:assert/strict';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as vite from 'vite';
import { launch, newPage } from '../harness/browser.mjs';
import { startLocal } from '../harness/ownpost.mjs';
import { change, fill } from '../harness/page.mjs';
import { folder, project, root, run, serve, unpacked } from './support.mjs';

const examples = join(root, 'validator-wasm/examples');
const manifest = async (path) => JSON.parse(await readFile(join(path, 'package.json'), 'utf8'));
let browser, local, customer;

before(async () => {
  browser = await launch();
  local = await startLocal();
  // The address of the API for the examples' development servers.
  process.env.OWNPOST = local.url;
  customer = (await local.relays()).relays.find(({ name }) => name === 'customer');
});
after(async () => {
  await browser?.close();
  await local?.stop();
});

/** Uses the example at `origin` as an admin would, and checks the result by the API. */
async function use(origin, tenant) {
  const page = await newPage(browser, { reducedMotion: 'reduce' });
  try {
    page.setDefaultTimeout(60_000);
    const shows = (id, text) => page.locator(`#${id}`, { hasText: new RegExp(`^${text}$`) }).waitFor();
    await page.goto(`${origin}/`);
    const form = page.locator('smtp-settings-form');
    await form.locator('.status.platform').waitFor();
    await fill(page, {
      host: customer.host,
      port: customer.ports.starttls,
      security: 'starttls',
      username: customer.username,
      password: 'wrong',
      senderAddress: customer.senderAddress,
      senderName: 'Example customer',
      caPem: customer.caPem,
    });
    await shows('errors', '0');
    await form.getByRole('button', { name: 'Test only' }).click();
    await shows('tested', 'auth\\.rejected');
    await form.getByRole('textbox', { name: 'Password' }).fill(customer.password);
    await form.getByRole('button', { name: 'Test and activate' }).click();
    await shows('tested', 'passed');
    const { body } = await (await local.as(tenant))('GET', '/api/smtp');
    assert.equal(body.host, customer.host);
    await shows('revision', body.revision);
    await form.locator('.status.active').waitFor();
    await change(page);
    await form.getByLabel('Sender address').fill('nobody');
    await shows('errors', '1');
    await page.getByLabel('Language').selectOption('nl');
    await form.getByLabel('Servernaam').waitFor();
    assert.deepEqual(page.problems, []);
  } finally {
    await page.context().close();
  }
}

for (const name of ['react', 'vue', 'svelte']) {
  test(`${name}: built by Vite, used up to the activation`, async () => {
    const { dependencies, devDependencies } = await manifest(join(examples, name));
    const { '@ownpost/validator': own, ...others } = { ...dependencies, ...devDependencies };
    assert.equal(own, 'file:../../dist');
    const here = (await manifest(import.meta.dirname)).devDependencies;
    for (const [other, version] of Object.entries(others))
      assert.equal(version, here[other], `${other} is the version under test`);
    const path = await project({ from: join(examples, name), uses: Object.keys(others) });
    if (others.typescript) {
      const tsc = join(import.meta.dirname, 'node_modules/typescript/bin/tsc');
      await run(process.execPath, [tsc, '--project', path]).catch(({ stdout }) => assert.fail(stdout));
    }
    await vite.build({ root: path, logLevel: 'error' });
    const server = await vite.preview({ root: path, logLevel: 'error', preview: { host: '127.0.0.1', port: 0 } });
    try {
      await use(`http://127.0.0.1:${server.httpServer.address().port}`, name);
    } finally {
      await server.close();
    }
  });
}

test('html: without any build, under its Content-Security-Policy', async () => {
  const path = await folder();
  await cp(join(examples, 'html'), path, { recursive: true });
  await cp(await unpacked(await folder()), join(path, 'validator'), { recursive: true });
  const server = await serve(path, { api: local.url });
  try {
    await use(server.origin, 'html');
  } finally {
    await server.close();
  }
});
