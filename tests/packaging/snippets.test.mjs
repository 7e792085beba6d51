// Every fenced snippet in the READMEs is run, in the language that it names.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { transform } from 'esbuild';
import { launch, newPage } from '../harness/browser.mjs';
import { ownpost, settingsOf, startLocal } from '../harness/ownpost.mjs';
import { folder, project, root, run, serve, unpacked } from './support.mjs';

let local, browser;
before(async () => {
  local = await startLocal();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await local?.stop();
});

async function snippets(file) {
  const text = await readFile(join(root, file), 'utf8');
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([whole, language, code]) => ({
    language,
    code,
    line: text.slice(0, text.indexOf(whole)).split('\n').length,
  }));
}

/** Runs a snippet in Node; a comment about the report must agree with the report. */
async function js(code) {
  const path = await project({
    files: {
      'snippet.mjs': `${code}\nexport { report };\n`,
      'print.mjs': `import { report } from './snippet.mjs'; console.log(JSON.stringify(report));`,
    },
  });
  const report = JSON.parse((await run(process.execPath, ['print.mjs'], { cwd: path })).stdout);
  const [, valid] = /\/\/ \{ valid: (true|false)/.exec(code);
  assert.equal(String(report.valid), valid);
  for (const [, wanted] of code.matchAll(/code: "([^"]+)"/g))
    assert.ok(
      report.issues.some((issue) => issue.code === wanted),
      wanted,
    );
}

/** Checks the types of a snippet strictly. */
async function ts(code) {
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'es2022',
    module: 'nodenext',
    lib: ['es2022', 'dom'],
    types: [],
  };
  const path = await project({ files: { 'snippet.ts': code, 'tsconfig.json': JSON.stringify({ compilerOptions }) } });
  await run(process.execPath, [join(import.meta.dirname, 'node_modules/typescript/bin/tsc'), '--project', path]).catch(
    ({ stdout }) => assert.fail(stdout),
  );
}

/** Runs a snippet in a page whose `myToken` returns a token, with `ownpost local` as the API. */
async function html(code) {
  const path = await folder();
  await unpacked(path);
  const imports = {
    '@ownpost/validator': '/package/index.js',
    '@ownpost/validator/form': '/package/form/index.js',
    '@ownpost/validator/deliveries': '/package/deliveries/index.js',
  };
  const token = `window.myToken = async () => (await (await fetch('/dev/token', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"tenant":"readme","email":"admin@acme.test"}' })).json()).token;`;
  await writeFile(
    join(path, 'index.html'),
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>Page</title><script>${token}</script><script type="importmap">${JSON.stringify({ imports })}</script><body>${code}</body></html>`,
  );
  const server = await serve(path, { api: local.url });
  const page = await newPage(browser);
  try {
    page.setDefaultTimeout(60_000);
    await page.goto(`${server.origin}/`);
    // If the API refused the token, the form would show an alert.
    await page.locator('smtp-settings-form .status.platform').waitFor();
    assert.deepEqual(page.problems, []);
  } finally {
    await page.context().close();
    await server.close();
  }
}

/** Runs each command of Ownpost, with the files that it names, through the relay of the example customer. */
async function sh(code) {
  const path = await folder();
  const customer = (await local.relays()).relays.find(({ name }) => name === 'customer');
  const settings = { ...settingsOf(customer), caPem: customer.caPem };
  const event = {
    id: 'evt-readme',
    tenant: 'readme',
    category: 'notification',
    type: 'comment.created',
    recipients: [{ address: 'jan@example.org' }],
    data: { actor: 'Jan', title: 'A title', excerpt: 'A comment.', url: 'https://example.org/' },
  };
  const files = { 'settings.json': settings, 'event.json': event };
  for (const [name, document] of Object.entries(files)) await writeFile(join(path, name), JSON.stringify(document));
  await writeFile(join(path, 'ca.pem'), customer.caPem);
  // What the reader replaces by an own value.
  const own = {
    'smtp.example.com:587': [`${customer.host}:${customer.ports.starttls}`, '--ca', join(path, 'ca.pem')],
    jan: [customer.username],
    'noreply@example.com': [customer.senderAddress],
  };
  const env = {
    OWNPOST_ALLOW_NETWORKS: '127.0.0.0/8',
    OWNPOST_ALLOW_PORTS: String(customer.ports.starttls),
    OWNPOST_PASSWORD: customer.password,
  };
  const { stdout: tasks } = await run('cargo', ['xtask', 'help'], { cwd: root });
  for (const line of code
    .split('\n')
    .map((text) => text.replace(/#.*/, '').trim())
    .filter(Boolean)) {
    const [program, ...options] = line.split(/\s+/);
    if (program === 'cargo' && options[0] === 'xtask') assert.match(tasks, new RegExp(`^  ${options[1]} `, 'm'), line);
    else if (program === 'npm') {
      // Every snippet of JavaScript here runs with the package installed like this.
      const { name } = JSON.parse(await readFile(join(root, 'validator-wasm/package.json'), 'utf8'));
      assert.deepEqual(options, ['install', name]);
    } else if (program === 'ownpost') {
      const {
        code: status,
        stdout,
        stderr,
      } = await ownpost(
        options.flatMap((option) => (option in files ? join(path, option) : (own[option] ?? option))),
        { env },
      );
      assert.equal(status, 0, `${line}\n${stdout}${stderr}`);
    } else assert.fail(`nothing here can run \`${line}\``);
  }
}

/** Posts an event to `ownpost local`, which must accept it. */
async function json(code) {
  const event = JSON.parse(code);
  const post = (path, body, headers) =>
    fetch(`${local.url}${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const { token } = await (await post('/dev/token', { tenant: event.tenant, email: 'admin@acme.test' })).json();
  const answer = await post('/api/events', event, { Authorization: `Bearer ${token}` });
  assert.equal(answer.status, 202, await answer.text());
}

/** Parses a snippet of CSS; each custom property and part that it names is one of the elements'. */
async function css(code) {
  const { code: out, warnings } = await transform(code, { loader: 'css' });
  assert.deepEqual(warnings, []);
  const described = await readFile(join(root, 'validator-wasm/dist/custom-elements.json'), 'utf8');
  for (const [, name] of out.matchAll(/(--smtp-[a-z-]+)|::part\(([a-z-]+)\)/g))
    if (name) assert.ok(described.includes(`"${name}"`), name);
  for (const [, part] of out.matchAll(/::part\(([a-z-]+)\)/g)) assert.ok(described.includes(part), part);
}

const languages = { js, ts, html, sh, json, css };

for (const file of ['README.md', 'validator-wasm/README.md']) {
  for (const { language, code, line } of await snippets(file)) {
    test(`${file}, line ${line}: ${language}`, async () => {
      assert.ok(languages[language], `nothing here can run \`${language}\``);
      await languages[language](code);
    });
  }
}

// Its snippets are parts of one program: `publish`, and a way to send for each of the three. The SDK of AWS is replaced by one
// that keeps what it is given; HTTP goes to `ownpost local`.
test('docs/howto/publish-events.md: each way sends the event that was read', async () => {
  const blocks = (await snippets('docs/howto/publish-events.md')).filter(({ language }) => language === 'js');
  const [publish, eventBridge, sqs, http] = blocks.map(({ code }) => code);
  assert.equal(blocks.length, 4);
  const sdk = (client, command, answer) => ({
    'package.json': JSON.stringify({ type: 'module', exports: './index.js' }),
    'index.js': `export class ${command} { constructor(input) { this.input = input; } }
export class ${client} { send({ input }) { globalThis.sent.push(input); return Promise.resolve(${answer}); } }`,
  });
  const packages = {
    'client-eventbridge': sdk(
      'EventBridgeClient',
      'PutEventsCommand',
      '{ Entries: [{ EventId: "1" }], FailedEntryCount: 0 }',
    ),
    'client-sqs': sdk('SQSClient', 'SendMessageCommand', '{ MessageId: "1" }'),
  };
  const path = await project({
    files: {
      'publish.mjs': publish,
      'eventbridge.mjs': eventBridge,
      'sqs.mjs': sqs,
      'http.mjs': http.replace('https://api.example.com/events', `${local.url}/api/events`),
      'run.mjs': `
globalThis.sent = [];
globalThis.myToken = async () => process.env.TOKEN;
const { publish } = await import('./publish.mjs');
const { onEventBridge } = await import('./eventbridge.mjs');
const { onSqs } = await import('./sqs.mjs');
const { byHttp } = await import('./http.mjs');
const event = { id: 'evt-howto', tenant: 'howto', category: 'notification', type: 'comment.created',
  recipients: [{ address: 'jan@B\u00dcCHER.example' }], data: { actor: 'Jan', title: 'T', excerpt: 'C', url: 'https://example.org/' } };
const issues = [];
for (const send of [onEventBridge, onSqs, byHttp]) issues.push(...await publish(event, send));
const refused = await publish({ ...event, recipients: [{ adress: 'jan@example.org' }] }, () => { throw new Error('sent'); });
console.log(JSON.stringify({ sent, issues, refused }));`,
    },
  });
  for (const [name, files] of Object.entries(packages)) {
    const folder = join(path, 'node_modules/@aws-sdk', name);
    await mkdir(folder, { recursive: true });
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
  }
  const headers = { 'Content-Type': 'application/json' };
  const body = JSON.stringify({ tenant: 'howto', email: 'admin@acme.test' });
  const { token } = await (await fetch(`${local.url}/dev/token`, { method: 'POST', headers, body })).json();
  const env = { ...process.env, TOKEN: token, BUS: 'bus', QUEUE: 'https://sqs.example/queue' };
  const { stdout } = await run(process.execPath, ['run.mjs'], { cwd: path, env });
  const { sent, issues, refused } = JSON.parse(stdout);
  assert.deepEqual(issues, []);
  assert.deepEqual(
    refused.map(({ field, code }) => [field, code]),
    [['recipients[0].adress', 'event.wrong_shape']],
  );
  const [
    {
      Entries: [entry],
    },
    message,
  ] = sent;
  assert.equal(entry.EventBusName, 'bus');
  assert.equal(message.QueueUrl, 'https://sqs.example/queue');
  for (const text of [entry.Detail, message.MessageBody]) {
    assert.equal(JSON.parse(text).recipients[0].address, 'jan@xn--bcher-kva.example');
  }
  const list = await fetch(`${local.url}/api/deliveries`, { headers: { Authorization: `Bearer ${token}` } });
  const { deliveries } = await list.json();
  assert.deepEqual(
    deliveries.map(({ recipient }) => recipient),
    ['jan@xn--bcher-kva.example'],
  );
});
