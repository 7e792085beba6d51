// The packaged Lambda artefact, as `cargo xtask package` makes it for Lambda's arm64: `cargo xtask test long artefact`.
// A release build takes minutes, so no suite runs this.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { read } from '../zip.mjs';

/** The most that the zip may have, in bytes; the goal is 4 000 000 (docs/decisions.md, L2, has what stands in the way). */
const BUDGET = 4_700_000;
/** The glibc of Amazon Linux 2023. */
const GLIBC = 234;

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const run = promisify(execFile);
const { stdout } = await run('cargo', ['xtask', 'package', '--arch', 'arm64'], { cwd: root, maxBuffer: 1 << 26 });
const archive = await readFile(join(root, 'target/package/ownpost-lambda.zip'));
const files = read(archive);
const program = files.find(({ name }) => name === 'bootstrap')?.content ?? Buffer.alloc(0);

const work = await mkdtemp(join(tmpdir(), 'ownpost-artefact-'));
after(() => rm(work, { recursive: true, force: true }));

test('the hash that is printed is that of the zip', () => {
  const [, printed] = stdout.match(/^xtask: sha256 ([0-9a-f]{64})$/m) ?? [];
  assert.equal(printed, createHash('sha256').update(archive).digest('hex'));
});

test('program, licences and papers are in it, without times and in a fixed order', async () => {
  assert.deepEqual(
    files.map(({ name, mode }) => [name, mode.toString(8)]),
    [
      ['bootstrap', '755'],
      ['LICENSE-MIT', '644'],
      ['LICENSE-APACHE', '644'],
      ['THIRD-PARTY-NOTICES.txt', '644'],
      ['sbom.cdx.json', '644'],
    ],
  );
  // 1 January 1980, the first day of a zip.
  assert.deepEqual([...new Set(files.map(({ time }) => time))], [0x00210000]);
  await run('cargo', ['xtask', 'papers', work], { cwd: root });
  const expected = {
    'LICENSE-MIT': join(root, 'LICENSE-MIT'),
    'LICENSE-APACHE': join(root, 'LICENSE-APACHE'),
    'THIRD-PARTY-NOTICES.txt': join(work, 'ownpost-lambda/THIRD-PARTY-NOTICES.txt'),
    'sbom.cdx.json': join(work, 'ownpost-lambda/sbom.cdx.json'),
  };
  for (const { name, content } of files.slice(1))
    assert.equal(content.toString(), await readFile(expected[name], 'utf8'), name);
});

test('the program is for arm64 and the glibc of Amazon Linux 2023', () => {
  assert.equal(program.toString('latin1', 0, 4), '\x7fELF');
  assert.deepEqual([program[4], program.readUInt16LE(18)], [2, 0xb7], '64 bits, EM_AARCH64');
  const text = program.toString('latin1');
  const needed = [...text.matchAll(/GLIBC_(\d+)\.(\d+)\0/g)].map(([, major, minor]) => major * 100 + Number(minor));
  assert.ok(needed.length > 0 && Math.max(...needed) <= GLIBC, `it needs ${Math.max(...needed)}`);
  assert.ok(text.includes('/lib/ld-linux-aarch64.so.1'));
});

test('the program has no path of the machine that built it', () => {
  const text = program.toString('latin1');
  const own = [root, homedir(), process.env.CARGO_HOME, process.env.RUSTUP_HOME, tmpdir()];
  for (const folder of own.filter((folder) => folder && folder !== '/'))
    assert.ok(!text.includes(`${folder}/`), `${folder} is in it`);
  const found = text.match(
    /(?<![\w.-])\/(?:home|root|Users|builds?|github|runner|tmp)\/[\w./-]+|[\w./-]*\.(?:cargo|rustup)\/[\w./-]+/g,
  );
  assert.equal(found, null);
});

test(`the zip is at most ${BUDGET} bytes`, () => {
  assert.ok(archive.length <= BUDGET, `${archive.length} bytes, ${program.length} of them unpacked the program`);
});
