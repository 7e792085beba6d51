// The papers of each artefact: third-party notices and the bill of materials.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { folder, root, run, unpacked } from './support.mjs';

const ARTEFACTS = {
  'ownpost-lambda': ['sender-lambda', '--target', 'aarch64-unknown-linux-gnu'],
  ownpost: ['ownpost'],
  npm: ['validator-wasm', 'ownpost-objects', '--target', 'wasm32-unknown-unknown'],
};

const path = await folder();
await run('cargo', ['xtask', 'papers', path], { cwd: root });
const read = (name, file) => readFile(join(path, name, file), 'utf8');

/** The crates of others in an artefact, as cargo lists them: `name version`. */
async function crates([first, ...rest]) {
  const [second, ...target] = rest[0]?.startsWith('-') ? ['', ...rest] : rest;
  const listed = new Set();
  for (const name of [first, second].filter(Boolean)) {
    const args = ['tree', '--locked', '-p', name, '-e', 'normal', '--prefix', 'none', '--format', '{p}', ...target];
    const { stdout } = await run('cargo', args, { cwd: root });
    for (const line of stdout.split('\n'))
      if (line && !line.includes(' (/')) listed.add(line.split(' ').slice(0, 2).join(' ').replace(' v', ' '));
  }
  assert.ok(listed.size > 20, `${first}: ${listed.size} crates`);
  return listed;
}

for (const [name, packages] of Object.entries(ARTEFACTS)) {
  test(`${name}: the notices name every crate with its texts`, async () => {
    const notices = await read(name, 'THIRD-PARTY-NOTICES.txt');
    const [list, ...texts] = notices.split(/^=+\nText \d+\n\n/m);
    for (const crate of await crates(packages)) {
      const found = list.split(`\n${crate}\n`)[1]?.match(/^ {2}licence: (.+)\n {2}source: +(.+)\n {2}texts: +(.+)\n/);
      assert.ok(found, `${name} lacks ${crate}`);
      // Some have a file beside the text that only names the choice.
      const sizes = found[3].split(', ').map((number) => texts[number - 1]?.trim().length);
      assert.ok(sizes.every((size) => size > 0) && Math.max(...sizes) > 100, `${crate}: ${sizes}`);
      if (found[1].includes('MPL')) assert.match(found[2], /^https:\S+ \(https:\S+\)$/, crate);
    }
  });

  test(`${name}: the bill of materials is CycloneDX and has every crate`, async () => {
    const text = await read(name, 'sbom.cdx.json');
    const invalid = await new Validation.JsonStrictValidator(Spec.Version.v1dot5).validate(text);
    assert.equal(invalid, null, JSON.stringify(invalid)?.slice(0, 2000));
    const bill = JSON.parse(text);
    const billed = new Set(bill.components.map((part) => `${part.name} ${part.version}`));
    for (const crate of await crates(packages)) assert.ok(billed.has(crate), `${name} lacks ${crate}`);
    const known = new Set([bill.metadata.component, ...bill.components].map((part) => part['bom-ref']));
    for (const { ref, dependsOn } of bill.dependencies)
      for (const used of [ref, ...(dependsOn ?? [])]) assert.ok(known.has(used), used);
  });
}

test('the package has the papers, and nothing of npm', async () => {
  const dist = join(await unpacked(await folder()));
  for (const file of ['THIRD-PARTY-NOTICES.txt', 'sbom.cdx.json'])
    assert.equal(await readFile(join(dist, file), 'utf8'), await read('npm', file), file);
  for (const map of ['index.js.map', 'form/index.js.map', 'objects/index.js.map', 'deliveries/index.js.map']) {
    const { sources } = JSON.parse(await readFile(join(dist, map), 'utf8'));
    for (const source of sources) assert.match(source, /^(?:\.\.\/)*src\//, `${map}: ${source}`);
  }
});
