// The package in Node, and its types in a strict TypeScript project.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DUTCH, project, run } from './support.mjs';

const consumer = `
import init, { codes, suggest, validate, validateField } from '@ownpost/validator';
await init();
const settings = { host: 'smtp.gmial.com', username: 'jan', password: { set: 'secret' }, senderAddress: 'jan@example.org' };
console.log(JSON.stringify([
  validate(settings, 'nl').issues.map(({ code, message }) => [code, message]),
  validateField(settings, 'host').length,
  suggest('jan@gmail.com').host,
  codes().includes('host.typo'),
]));
`;

test('Node loads the package as an ES module, and from a CommonJS module by import()', async () => {
  const path = await project({ files: { 'consumer.mjs': consumer, 'consumer.cjs': `import('./consumer.mjs');` } });
  for (const file of ['consumer.mjs', 'consumer.cjs']) {
    const { stdout, stderr } = await run(process.execPath, [file], { cwd: path });
    assert.equal(stderr, '');
    const [issues, count, host, known] = JSON.parse(stdout);
    assert.deepEqual(
      issues.find(([code]) => code === 'host.typo'),
      ['host.typo', DUTCH],
    );
    assert.deepEqual([count, host, known], [1, 'smtp.gmail.com', true]);
  }
});

test('the form’s module can be imported without a browser, for pages that are rendered on a server', async () => {
  const path = await project({ files: { 'server.mjs': `import '@ownpost/validator/form';` } });
  await run(process.execPath, ['server.mjs'], { cwd: path });
});

for (const resolution of [{ module: 'nodenext' }, { module: 'esnext', moduleResolution: 'bundler' }]) {
  test(`strict TypeScript, ${resolution.moduleResolution ?? resolution.module}`, async () => {
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: 'es2022',
      lib: ['es2022', 'dom'],
      types: [],
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noPropertyAccessFromIndexSignature: true,
      verbatimModuleSyntax: true,
      skipLibCheck: false,
      ...resolution,
    };
    const path = await project({
      files: {
        'consumer.ts': await readFile(join(import.meta.dirname, 'consumer.ts'), 'utf8'),
        'tsconfig.json': JSON.stringify({ compilerOptions, include: ['consumer.ts'] }),
      },
    });
    const tsc = join(import.meta.dirname, 'node_modules/typescript/bin/tsc');
    await run(process.execPath, [tsc, '--project', path]).catch(({ stdout }) => assert.fail(stdout));
  });
}

const JSX = `
import type {} from '@ownpost/validator/react';

const answer: Record<string, unknown> = await (await fetch('/smtp')).json();
export const page = (
  <>
    <smtp-settings-form
      api="/api"
      name="smtp"
      required
      value={answer}
      getToken={async () => 'token'}
      onsmtp-activated={({ detail }) => console.log(detail.revision)}
      onsmtp-unauthorized={({ detail }) => detail.retry()}
    />
    <smtp-settings-form api="/api" value={{ host: 'smtp.example.org', port: 587 }} />
    <smtp-deliveries api="/api" readonly filters={{ status: 'failed' }} onsmtp-deliveries-change={() => {}} />
  </>
);
// @ts-expect-error: the address of the API is a text.
export const wrong = <smtp-settings-form api={7} />;
`;

test('strict TypeScript, JSX of React', async () => {
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'es2022',
    lib: ['es2022', 'dom'],
    module: 'esnext',
    moduleResolution: 'bundler',
    jsx: 'react-jsx',
    types: [],
  };
  const path = await project({
    files: { 'page.tsx': JSX, 'tsconfig.json': JSON.stringify({ compilerOptions, include: ['page.tsx'] }) },
    uses: ['react', '@types/react'],
  });
  const tsc = join(import.meta.dirname, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [tsc, '--project', path]).catch(({ stdout }) => assert.fail(stdout));
});
