// The package in the tests of its users (vitest with jsdom and with happy-dom, documents without a layout), and as its
// manifest says what it has (publint, arethetypeswrong).
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { project, run, tarball, unpacked, folder } from './support.mjs';

const here = import.meta.dirname;

const USER_TEST = `
import { afterAll, expect, test, vi } from 'vitest';
import '@ownpost/validator/form';
import '@ownpost/validator/deliveries';

test('an element that is gone at once', () => {
  for (const tag of ['smtp-settings-form', 'smtp-deliveries']) {
    const element = document.createElement(tag);
    element.setAttribute('api', '/api');
    document.body.append(element);
    element.remove();
  }
});

test('the form renders, is filled in, and is a part of its page', async () => {
  const heard = [];
  document.addEventListener('smtp-change', ({ detail }) => heard.push(detail));
  document.body.innerHTML = '<form><smtp-settings-form name="smtp" locale="nl"></smtp-settings-form></form>';
  const form = document.querySelector('smtp-settings-form');
  form.getToken = async () => 'token';
  await vi.waitFor(() => expect(form.shadowRoot.querySelector('#f-host')).toBeTruthy(), 20_000);
  form.value = { host: 'smtp.gmial.com', port: 587, security: 'starttls' };
  expect(form.value.host).toBe('smtp.gmial.com');
  const input = form.shadowRoot.querySelector('#f-host');
  input.value = 'smtp.example.org';
  input.dispatchEvent(new Event('input', { bubbles: true }));
  expect(form.value.host).toBe('smtp.example.org');
  expect(heard.at(-1).settings.host).toBe('smtp.example.org');
  expect(typeof form.reportValidity()).toBe('boolean');
  form.shadowRoot.querySelector('[part~="test-button"]').click();
});

test('both render with an API, and show what it answers', async () => {
  const answers = { '/api/smtp': { status: 'platform', previous: false }, '/api/deliveries': { deliveries: [], cursor: null } };
  vi.stubGlobal('fetch', async (url) => Response.json(answers[String(url).split('?')[0]] ?? {}));
  document.body.innerHTML = '<smtp-settings-form api="/api"></smtp-settings-form><smtp-deliveries api="/api"></smtp-deliveries>';
  const [form, list] = document.body.children;
  await vi.waitFor(() => expect(form.shadowRoot.textContent).toContain('The platform’s mail server is in use'), 20_000);
  await vi.waitFor(() => expect(list.shadowRoot.textContent).toContain('No mail yet.'), 20_000);
});

// The last test of a file ends while the elements still load: that is nobody's failure.
test('a file that ends at once', () => {
  document.body.innerHTML = '<smtp-settings-form api="/api"></smtp-settings-form><smtp-deliveries api="/api"></smtp-deliveries>';
});
`;

for (const environment of ['jsdom', 'happy-dom']) {
  test(`vitest with ${environment}`, async () => {
    const path = await project({ files: { 'form.test.js': USER_TEST }, uses: ['vitest', 'jsdom', 'happy-dom'] });
    const vitest = join(here, 'node_modules/vitest/vitest.mjs');
    const { stdout } = await run(
      process.execPath,
      [vitest, 'run', '--testTimeout=60000', '--environment', environment],
      {
        cwd: path,
        env: { ...process.env, NO_COLOR: '1', CI: '1' },
      },
    ).catch(({ stdout, stderr }) => assert.fail(`${stdout}\n${stderr}`));
    assert.match(stdout, /Tests\s+4 passed/);
    assert.doesNotMatch(stdout, /Unhandled|Error:/);
  });
}

test('publint finds nothing', async () => {
  const pkgDir = await unpacked(await folder());
  const { messages, pkg } = await publint({ pkgDir, pack: false });
  assert.deepEqual(
    messages.map((message) => formatMessage(message, pkg)),
    [],
  );
});

test('the types resolve for every ES module', async () => {
  const attw = join(here, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  const options = [await tarball(), '--profile', 'esm-only', '--format', 'ascii', '--no-color'];
  await run(process.execPath, [attw, ...options, '--exclude-entrypoints', './custom-elements.json']).catch(
    ({ stdout, stderr }) => assert.fail(`${stdout}\n${stderr}`),
  );
});
