// The examples, built and used in two browsers against `ownpost local`: from an empty form to an active server, with the
// embedded relay of the example customer. The form's events reach the frameworks' own handlers.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as vite from 'vite';
import { launchBoth } from '../harness/firefox.mjs';
import { startLocal } from '../harness/ownpost.mjs';
import { becomes, freePort, until } from '../harness/wait.mjs';
import { folder, project, root, run, serve, unpacked } from './support.mjs';

const examples = join(root, 'validator-wasm/examples');
const manifest = async (path) => JSON.parse(await readFile(join(path, 'package.json'), 'utf8'));
/** The frameworks with a build of their own, installed in the folder of the same name beside this file. */
const OWN_BUILD = ['angular', 'next'];
let browsers, local, customer;

before(async () => {
  browsers = await launchBoth();
  local = await startLocal();
  // The address of the API for the examples' servers.
  process.env.OWNPOST = local.url;
  customer = (await local.relays()).relays.find(({ name }) => name === 'customer');
});
after(async () => {
  for (const [, browser] of browsers ?? []) await browser.close();
  await local?.stop();
});

/** Uses the example at `origin` in each browser as an admin would, and checks the result by the API. */
async function use(origin, tenant) {
  const api = await local.as(tenant);
  for (const [name, browser] of browsers) {
    await api('DELETE', '/api/smtp');
    const page = await browser.newPage();
    const problems = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    try {
      page.setDefaultTimeout(60_000);
      // In one of the browsers the operator's options come after everything is typed, as on a slow network.
      const letOptionsCome = name === 'Chromium' ? await holdOptions(page) : () => {};
      await page.goto(`${origin}/`);
      await activate(page, api, letOptionsCome);
    } catch (error) {
      throw new Error(`${name}: ${error.message}\n${problems.join('\n')}`, { cause: error });
    } finally {
      await page.close();
    }
    assert.deepEqual(problems, [], name);
  }
}

/** Holds the answer with the example's options until the returned function is called. */
async function holdOptions(page) {
  let come;
  const held = new Promise((resolve) => (come = resolve));
  await page.setRequestInterception(true);
  page.on('request', async (request) => {
    if (new URL(request.url()).pathname === '/dev/relays') await held;
    await request.continue();
  });
  return come;
}

async function activate(page, api, letOptionsCome) {
  const shows = (id, text) => becomes(() => page.$eval(`#${id}`, (output) => output.textContent), text, id);
  const inForm = (selector) =>
    until(selector, async () => {
      const handle = await page.evaluateHandle(
        (inner) => document.querySelector('smtp-settings-form')?.shadowRoot?.querySelector(inner),
        selector,
      );
      return handle.asElement();
    });
  // A place to click is looked up before it is clicked: not while the page still scrolls or moves.
  const click = async (selector) => (await inForm(selector)).asLocator().click();
  const type = async (name, text) => {
    const input = await inForm(`#f-${name}`);
    await input.focus();
    await input.evaluate((element) => element.select());
    await input.type(text);
    await becomes(() => input.evaluate(({ value }) => value), text, name);
  };
  await inForm('.status.platform');
  await type('host', customer.host);
  await type('port', String(customer.ports.starttls));
  await type('username', customer.username);
  await type('password', 'wrong');
  await type('senderAddress', customer.senderAddress);
  await type('senderName', 'Example customer');
  await click('details[data-section="advanced"] > summary');
  await (await inForm('#f-caPem')).evaluate((input, pasted) => {
    input.value = pasted;
    input.dispatchEvent(new InputEvent('input', { bubbles: true }));
  }, customer.caPem);
  letOptionsCome();
  await shows('errors', '0');
  await click('[part~="test-button"]');
  await shows('tested', 'auth.rejected');
  await type('password', customer.password);
  await click('[part~="activate-button"]');
  await shows('tested', 'passed');
  const { body } = await api('GET', '/api/smtp');
  assert.equal(body.host, customer.host);
  await shows('revision', body.revision);
  await inForm('.status.active');
  await click('[part~="change-button"]');
  await type('senderAddress', 'nobody');
  await shows('errors', '1');
  await page.select('label select', 'nl');
  await becomes(async () => (await inForm('label[for="f-host"]')).evaluate((label) => label.textContent), 'Servernaam');
}

/** A project of the example: the package as packed, and the versions that are installed here. */
async function example(name) {
  const own = OWN_BUILD.includes(name) ? join(import.meta.dirname, name) : undefined;
  const { dependencies, devDependencies } = await manifest(join(examples, name));
  const { '@ownpost/validator': validator, ...others } = { ...dependencies, ...devDependencies };
  assert.equal(validator, 'file:../../dist');
  const here = (await manifest(own ?? import.meta.dirname)).devDependencies;
  for (const [other, version] of Object.entries(others))
    assert.equal(version, here[other], `${other} is the version under test`);
  const uses = own ? [] : Object.keys(others);
  return { others, path: await project({ from: join(examples, name), uses, copied: own }) };
}

for (const name of ['react', 'vue', 'svelte']) {
  test(`${name}: built by Vite, used up to the activation`, async () => {
    const { others, path } = await example(name);
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

// Neither tool may ask its maker anything.
const QUIET = { NG_CLI_ANALYTICS: 'false', NEXT_TELEMETRY_DISABLED: '1' };
const tool = (path, ...args) =>
  run(process.execPath, args, { cwd: path, env: { ...process.env, ...QUIET } }).catch(({ stdout, stderr }) =>
    assert.fail(`${stdout}\n${stderr}`),
  );

test('angular: built by the Angular CLI, used up to the activation', async () => {
  const { path } = await example('angular');
  await tool(path, 'node_modules/@angular/cli/bin/ng.js', 'build');
  const server = await serve(join(path, 'dist'), { api: local.url });
  try {
    await use(server.origin, 'angular');
  } finally {
    await server.close();
  }
});

test('next: built and served by Next.js, used up to the activation', async () => {
  const { path } = await example('next');
  const next = 'node_modules/next/dist/bin/next';
  await tool(path, next, 'build');
  const port = await freePort();
  const args = [next, 'start', '--hostname', '127.0.0.1', '--port', String(port)];
  const server = spawn(process.execPath, args, { cwd: path, env: { ...process.env, ...QUIET }, stdio: 'ignore' });
  try {
    const origin = `http://127.0.0.1:${port}`;
    await until('the server of Next.js', () =>
      fetch(origin).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    await use(origin, 'next');
  } finally {
    server.kill();
  }
});

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
