// `ownpost local` as a service and in a container: infra/local.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ownpost } from '../harness/ownpost.mjs';

const root = join(import.meta.dirname, '../..');
const read = (file) => readFileSync(join(root, file), 'utf8');

test('service and container start the program with options that it has', async () => {
  const { stdout: help } = await ownpost(['local', '--help']);
  const known = new Set([...help.matchAll(/--[a-z-]+/g)].map(([name]) => name));
  for (const file of ['infra/local/ownpost.service', 'infra/local/Containerfile']) {
    const [line] = read(file).match(/^(ExecStart=|ENTRYPOINT ).*local.*/m) ?? assert.fail(file);
    const options = [...line.matchAll(/--[a-z-]+/g)].map(([name]) => name);
    assert.ok(options.length, file);
    for (const option of options) assert.ok(known.has(option), `${file}: ${option}`);
  }
});

test('the guide names variables that the program reads', async () => {
  const [, environment] = read('docs/howto/without-aws.md').match(/^```ini\n(.*?)^```/ms);
  const { stdout } = await ownpost(['local', '--help']);
  const documented = read('docs/reference/environment.md') + stdout;
  for (const [, name] of environment.matchAll(/^(\w+)=/gm)) assert.ok(documented.includes(name), name);
});

test('systemd takes the service', (t) => {
  const program = '/usr/bin/systemd-analyze';
  if (!existsSync(program)) return t.diagnostic('this system has no systemd');
  const folder = mkdtempSync(join(tmpdir(), 'ownpost-service-'));
  t.after(() => rmSync(folder, { recursive: true }));
  // The program need not be installed here.
  const unit = join(folder, 'ownpost.service');
  writeFileSync(unit, read('infra/local/ownpost.service').replace('/usr/local/bin/ownpost', '/bin/true'));
  const said = execFileSync(program, ['verify', '--man=no', unit], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  assert.equal(said, '');
});
