// What would be published, and what stops it: `cargo xtask publish --dry-run`, and npm's own hook.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { filesIn, root, run } from './support.mjs';

const dist = join(root, 'validator-wasm/dist');
const read = (file) => readFile(join(root, file), 'utf8');
const manifest = JSON.parse(await read('validator-wasm/package.json'));

/** The placeholders that still stand: `[name, file]`. */
const placeholders = [
  ...[...JSON.stringify(manifest).matchAll(/OWNPOST_(?:REPOSITORY|HOMEPAGE|BUGS)/g)].map(([name]) => [
    name,
    'validator-wasm/package.json',
  ]),
  ...((await read('docs/SECURITY.md')).includes('SECURITY_CONTACT_ADDRESS')
    ? [['SECURITY_CONTACT_ADDRESS', 'docs/SECURITY.md']]
    : []),
];
const line = ([name, file]) => new RegExp(`^ {2}${name} in ${file.replaceAll('.', '\\.')}: \\w.+$`, 'm');

test('the dry run shows every file of the package, and each placeholder with its file and meaning', async () => {
  const { stdout, stderr } = await run('cargo', ['xtask', 'publish', '--dry-run', '--built'], { cwd: root });
  for (const file of await filesIn(dist)) assert.ok(stderr.includes(` ${file}\n`), file);
  for (const placeholder of placeholders) assert.match(stdout, line(placeholder));
  assert.equal(stdout.includes('publishing would be refused'), placeholders.length > 0);
  assert.equal(stdout.includes('ready to publish'), placeholders.length === 0);
});

test('npm publish stops while a placeholder stands, and names it', async () => {
  const published = run('npm', ['publish', '--dry-run', '--offline'], { cwd: dist }).then(
    () => '',
    ({ stderr }) => stderr,
  );
  const said = await published;
  assert.equal(said !== '', placeholders.length > 0, said);
  for (const placeholder of placeholders) assert.match(said, line(placeholder));
});

test('the manifest has what provenance and the page of the package need', () => {
  assert.deepEqual(manifest.publishConfig, { access: 'public', provenance: true });
  assert.match(manifest.repository.url, /^git\+https:\/\/.+\.git$/);
  assert.equal(manifest.repository.directory, 'validator-wasm');
  assert.match(manifest.homepage, /^https:/);
  assert.match(manifest.bugs.url, /^https:/);
  assert.ok(manifest.keywords.length > 4);
});
