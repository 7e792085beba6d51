// The published package in each way in which a page can use it: packed, installed into a new project, built, and used
// in a browser. Each page checks settings and shows the form, whose rules and messages come from the package.
import assert from 'node:assert/strict';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as esbuild from 'esbuild';
import * as vite from 'vite';
import webpack from 'webpack';
import { launch, newPage } from '../harness/browser.mjs';
import { DUTCH, filesIn, folder, noSettings, project, serve, unpacked } from './support.mjs';

const PACKAGE = '@ownpost/validator';
let browser;

before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** The script of a page with the package at `at`: checks settings in Dutch, and shows the form in French. */
const script = (at, form, { before = '', where = '' } = {}) => `
import init, { validate } from ${JSON.stringify(at)};
import ${JSON.stringify(form)};
${before}
await init(${where});
const { valid, issues } = validate({ host: 'smtp.gmial.com', port: 587, username: 'jan', password: { set: 'secret' }, senderAddress: 'jan@example.org' }, 'nl');
document.body.dataset.found = JSON.stringify([valid, issues.map(({ code, fix }) => [code, fix]), issues[0].message]);
`;
const page = (
  src,
) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>Page</title><link rel="icon" href="data:,">
<body><smtp-settings-form api="/api" locale="fr"></smtp-settings-form><script type="module" src="${src}"></script></body></html>`;

/** Opens the page and checks that all parts of the package were loaded: rules, issues, form and messages. */
async function use(origin) {
  const tab = await newPage(browser);
  try {
    tab.setDefaultTimeout(60_000);
    await tab.goto(`${origin}/`);
    const found = await (await tab.waitForFunction(() => document.body.dataset.found)).jsonValue();
    assert.deepEqual(JSON.parse(found), [true, [['host.typo', { host: 'smtp.gmail.com' }]], DUTCH]);
    const form = tab.locator('smtp-settings-form');
    const host = form.getByLabel('Nom du serveur');
    await host.fill('https://smtp.example.org/');
    await host.press('Tab');
    await form.locator('[data-code="host.url"]').waitFor();
    assert.deepEqual(tab.problems, []);
  } finally {
    await tab.context().close();
  }
}

const installed = { 'main.js': script(PACKAGE, `${PACKAGE}/form`), 'index.html': page('/main.js') };

async function served(path, look, options) {
  const server = await serve(path, options);
  try {
    await look(server.origin);
  } finally {
    await server.close();
  }
}

test('Vite builds the package', async () => {
  const path = await project({ files: installed });
  await vite.build({ root: path, configFile: false, logLevel: 'error', build: { target: 'esnext' } });
  const files = await filesIn(join(path, 'dist'));
  const modules = files.filter((file) => file.endsWith('.wasm')).map((file) => file.match(/(\w+)-[^/]+$/)[1]);
  assert.deepEqual(modules, ['inspect', 'validator'], 'one copy of each module that a page can need');
  await served(join(path, 'dist'), use);
});

test('Vite serves the package during development', async () => {
  const path = await project({ files: installed });
  const server = await vite.createServer({
    root: path,
    configFile: false,
    logLevel: 'error',
    server: { host: '127.0.0.1', port: 0, strictPort: false, watch: null },
    plugins: [{ name: 'api', configureServer: ({ middlewares }) => void middlewares.use('/api', noSettings) }],
  });
  try {
    await server.listen();
    await use(`http://127.0.0.1:${server.httpServer.address().port}`);
  } finally {
    await server.close();
  }
});

test('webpack builds the package', async () => {
  const path = await project({
    files: { ...installed, 'index.html': page('/main.js').replace('type="module"', 'defer') },
  });
  const compiler = webpack({
    mode: 'production',
    context: path,
    entry: './main.js',
    performance: { hints: false },
    output: { path: join(path, 'dist'), filename: 'main.js' },
  });
  const stats = await new Promise((resolve, reject) =>
    compiler.run((error, done) => (error ? reject(error) : resolve(done))),
  );
  await new Promise((resolve) => compiler.close(resolve));
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  assert.deepEqual([errors, warnings], [[], []]);
  await copyFile(join(path, 'index.html'), join(path, 'dist/index.html'));
  await served(join(path, 'dist'), use);
});

test('esbuild builds the package, with a copy of the WASM beside', async () => {
  const path = await project({ files: installed });
  await esbuild.build({
    absWorkingDir: path,
    entryPoints: ['main.js'],
    bundle: true,
    splitting: true,
    format: 'esm',
    outdir: 'dist',
    logLevel: 'error',
  });
  await copyFile(join(path, 'node_modules', PACKAGE, 'validator.wasm'), join(path, 'dist/validator.wasm'));
  await copyFile(join(path, 'index.html'), join(path, 'dist/index.html'));
  await served(join(path, 'dist'), use);
});

test('esbuild builds the package, with the WASM at an address that the page sets', async () => {
  const named = {
    before: `import wasm from '${PACKAGE}/validator.wasm';`,
    where: '{ wasm: new URL(wasm, import.meta.url) }',
  };
  const path = await project({ files: { ...installed, 'main.js': script(PACKAGE, `${PACKAGE}/form`, named) } });
  await esbuild.build({
    absWorkingDir: path,
    entryPoints: ['main.js'],
    bundle: true,
    splitting: true,
    format: 'esm',
    outdir: 'dist',
    logLevel: 'error',
    loader: { '.wasm': 'file' },
  });
  await copyFile(join(path, 'index.html'), join(path, 'dist/index.html'));
  await served(join(path, 'dist'), use);
});

test('a folder of a CDN on another origin, without any bundler', async () => {
  const cdn = await folder();
  await unpacked(cdn);
  const site = await folder();
  await served(
    cdn,
    async (origin) => {
      await mkdir(site, { recursive: true });
      await writeFile(join(site, 'main.js'), script(`${origin}/package/index.js`, `${origin}/package/form/index.js`));
      await writeFile(join(site, 'index.html'), page('/main.js'));
      await served(site, use);
    },
    { headers: { 'Access-Control-Allow-Origin': '*' } },
  );
});

test('the tarball holds only the files that are used', async () => {
  const files = await filesIn(await unpacked(await folder()));
  assert.deepEqual(
    files.filter((file) => !/^(deliveries|form|inspect|locales|results|src)\//.test(file)),
    [
      'LICENSE-APACHE',
      'LICENSE-MIT',
      'README.md',
      'THIRD-PARTY-NOTICES.txt',
      'custom-elements.json',
      'index.d.ts',
      'index.js',
      'index.js.map',
      'objects/documents.wasm',
      'objects/index.d.ts',
      'objects/index.js',
      'objects/index.js.map',
      'objects/inspect.js',
      'objects/inspect.js.map',
      'objects/inspect.wasm',
      'package.json',
      'sbom.cdx.json',
      'types.d.ts',
      'validator.wasm',
      'validator.wasm.d.ts',
    ],
  );
  assert.deepEqual(
    files.filter((file) => file.startsWith('locales/')),
    ['de', 'es', 'fr', 'nl'].map((locale) => `locales/${locale}.js`),
  );
});
