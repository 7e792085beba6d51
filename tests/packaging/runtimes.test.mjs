// The object API in Deno, Bun and workerd, the runtime of an edge network that compiles no WASM itself: the answers are those
// in Node, which the suite `validator` compares with the server's.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { freePort, until } from '../harness/wait.mjs';
import { filesIn, folder, project, root, run, unpacked } from './support.mjs';

const here = join(import.meta.dirname, 'runtimes');
/** A program in the packages of its maker for this platform; the command beside them needs a script at the installation. */
const program = (maker, path) => {
  const packages = join(here, 'node_modules', maker);
  const found = (existsSync(packages) ? readdirSync(packages) : [])
    .flatMap((name) => [path, `${path}.exe`].map((file) => join(packages, name, file)))
    .find((file) => existsSync(file));
  assert.ok(found, `no ${path} of ${maker} for this system: \`cargo xtask setup\` installs it`);
  return found;
};
const vectors = (name) => JSON.parse(readFileSync(join(root, `tests/vectors/${name}.json`), 'utf8'));

const CASES = (() => {
  const { base, vectors: settings } = vectors('settings');
  const { base: event, vectors: events } = vectors('events');
  const mails = join(root, 'validator-wasm/inspect/tests/mails');
  return {
    settings: settings.map(({ settings, with: changes, options }) => ({
      settings: settings === undefined ? { ...base, ...changes } : settings,
      options: { ...options, locale: 'nl' },
    })),
    events: events.map(({ event: whole, with: changes }) => (changes ? { ...event, ...changes } : whole)),
    mail: readFileSync(join(mails, 'apple-mail.txt'), 'latin1'),
  };
})();

const CONSUMER = `
import init, * as api from '@ownpost/validator/objects';
import { readFileSync } from 'node:fs';
import { answers } from './answers.mjs';
await init();
console.log(JSON.stringify(answers(api, JSON.parse(readFileSync('cases.json', 'utf8')))));
`;

let path, expected;
const answersOf = async (command, ...args) =>
  JSON.parse((await run(command, args, { cwd: path, maxBuffer: 1 << 28 })).stdout);

before(async () => {
  path = await project({ files: { 'consumer.mjs': CONSUMER, 'cases.json': JSON.stringify(CASES) } });
  await cp(join(here, 'answers.mjs'), join(path, 'answers.mjs'));
  expected = await answersOf(process.execPath, 'consumer.mjs');
  assert.ok(expected.settings.length > 500 && expected.events.length > 50);
});

/** Compares part by part: the difference of all at once would be megabytes. */
function same(answers) {
  assert.deepEqual(Object.keys(answers), Object.keys(expected));
  for (const [part, list] of Object.entries(expected)) {
    for (const [at, report] of [list].flat().entries()) assert.deepEqual([answers[part]].flat()[at], report, part);
  }
}

test('Deno', async () =>
  same(
    await answersOf(
      program('@deno', 'deno'),
      'run',
      '--no-remote',
      '--node-modules-dir=manual',
      '--allow-read',
      'consumer.mjs',
    ),
  ));

test('Bun', async () => same(await answersOf(program('@oven', 'bin/bun'), 'run', 'consumer.mjs')));

const WORKER = `
import init, * as api from './package/objects/index.js';
import documents from './package/objects/documents.wasm';
import mails from './package/objects/inspect.wasm';
import { answers } from './answers.mjs';
await init({ wasm: documents, inspect: mails });
export default {
  fetch: async (request) => Response.json(answers(api, await request.json())),
};
`;

test('workerd, which takes compiled modules alone', async () => {
  const work = await folder();
  await unpacked(work);
  await cp(join(here, 'answers.mjs'), join(work, 'answers.mjs'));
  await writeFile(join(work, 'worker.mjs'), WORKER);
  const port = await freePort();
  const files = (await filesIn(join(work, 'package')))
    .filter((name) => /^(objects|locales)\/\w+\.(js|wasm)$/.test(name))
    .map((name) => `package/${name}`);
  const modules = ['worker.mjs', 'answers.mjs', ...files].map(
    (name) => `(name = "${name}", ${name.endsWith('.wasm') ? 'wasm' : 'esModule'} = embed "${name}")`,
  );
  await writeFile(
    join(work, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (modules = [${modules.join(', ')}], compatibilityDate = "2026-01-01"))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
`,
  );
  const server = spawn(program('@cloudflare', 'bin/workerd'), ['serve', 'config.capnp'], { cwd: work });
  let said = '';
  server.stderr.on('data', (data) => (said += data));
  let ended = false;
  server.on('exit', () => (ended = true));
  try {
    const body = await readFile(join(path, 'cases.json'));
    const answer = await until(
      'the worker',
      () => fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body }).catch(() => null),
      () => assert.ok(!ended, said),
    );
    assert.equal(answer.status, 200, said);
    same(await answer.json());
  } finally {
    server.kill();
  }
});
