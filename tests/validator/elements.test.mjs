// custom-elements.json says what the elements have: their properties are those of the types, their parts, slots and custom
// properties those of the sources, and the tables in docs/reference/package.md are made from it.
// `OWNPOST_WRITE=1 node --test tests/validator/elements.test.mjs` writes the page.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';

import { dist } from './support.mjs';

const { modules } = JSON.parse(readFileSync(new URL('custom-elements.json', dist), 'utf8'));
const elements = modules.flatMap(({ declarations }) => declarations);
const element = (tag) => elements.find(({ tagName }) => tagName === tag);
const sources = (folder) =>
  readdirSync(new URL(`src/${folder}/`, dist), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => readFileSync(new URL(`src/${folder}/${name}`, dist), 'utf8'))
    .join('\n');
const PAGE = new URL('../../docs/reference/package.md', import.meta.url);

test('both elements are described, and nothing private is', () => {
  assert.deepEqual(elements.map(({ tagName }) => tagName).sort(), ['smtp-deliveries', 'smtp-settings-form']);
  for (const { members } of elements)
    assert.deepEqual(
      members.filter(({ name }) => name.startsWith('#')),
      [],
    );
});

/** The parts that a description names: in `name` and as code in its text. */
const described = (tag) =>
  new Set(
    element(tag).cssParts.flatMap(({ name, description }) => [
      name,
      ...[...description.matchAll(/`([a-z-]+)`/g)].map(([, part]) => part),
    ]),
  );

test('every part in the sources is described', () => {
  for (const [tag, folder] of [
    ['smtp-settings-form', 'form'],
    ['smtp-settings-form', 'results'],
    ['smtp-settings-form', 'inspect'],
    ['smtp-deliveries', 'deliveries'],
    ['smtp-deliveries', 'inspect'],
  ]) {
    const known = described(tag);
    const used = [...sources(folder).matchAll(/\bpart: [`']([^`']+)[`']/g)]
      .flatMap(([, parts]) => parts.split(' '))
      .filter((part) => !part.includes('$'));
    assert.ok(used.length > 4, `parts are found in ${folder}`);
    assert.deepEqual([...new Set(used.filter((part) => !known.has(part)))], [], tag);
  }
});

test('every custom property in the sources is described, and no other', () => {
  const css = sources('form');
  const used = new Set([...css.matchAll(/var\((--smtp-[a-z-]+)/g)].map(([, name]) => name));
  assert.deepEqual(
    element('smtp-settings-form')
      .cssProperties.map(({ name }) => name)
      .sort(),
    [...used].sort(),
  );
});

/** The properties and methods that the types of an element declare. */
const declared = (folder) => {
  const [, body] = /export class \w+ extends HTMLElement \{\n(.*?)\n\}/s.exec(
    readFileSync(new URL(`${folder}/index.d.ts`, dist), 'utf8'),
  );
  const names = [...body.matchAll(/^ {2}(?:readonly |get |set )?(\w+)[(:<]/gm)].map(([, name]) => name);
  return [...new Set(names)].filter((name) => name !== 'addEventListener').sort();
};

test('the properties and methods are those of the types, and each is described', () => {
  for (const [tag, folder] of [
    ['smtp-settings-form', 'form'],
    ['smtp-deliveries', 'deliveries'],
  ]) {
    const { members } = element(tag);
    assert.deepEqual(members.map(({ name }) => name).sort(), declared(folder), tag);
    assert.deepEqual(
      members.filter(({ description }) => !description),
      [],
      tag,
    );
  }
});

test('neither element has a slot, and none is described', () => {
  for (const folder of ['form', 'deliveries', 'results', 'inspect'])
    assert.doesNotMatch(sources(folder), /\bh\(\s*'slot'|<slot/);
  for (const { slots = [] } of elements) assert.deepEqual(slots, []);
});

/** The tables of one element. */
function tables(tag) {
  const { attributes = [], members = [], events = [], cssParts = [], cssProperties = [] } = element(tag);
  const cell = (text) => text.replaceAll('|', '\\|');
  const table = (head, rows) =>
    rows.length === 0
      ? []
      : [
          '',
          `| ${head} | meaning |`,
          '|---|---|',
          ...rows.map(({ name, description }) => `| \`${name}\` | ${cell(description)} |`),
        ];
  // The analyzer also finds what the code names without a description: the same again.
  const own = (list) => list.filter(({ description }) => description);
  return [
    ...table('attribute', own(attributes)),
    ...table(
      'property or method',
      members.map(({ kind, name, description }) => ({ name: kind === 'method' ? `${name}()` : name, description })),
    ),
    ...table('event', own(events)),
    ...table('part', own(cssParts)),
    ...table('custom property', own(cssProperties)),
    '',
  ].join('\n');
}

test('the reference has the tables of the description', () => {
  const before = readFileSync(PAGE, 'utf8');
  const now = before.replace(
    /(<!-- elements: ([a-z-]+) -->\n).*?(<!-- end -->)/gs,
    (_, start, tag, end) => `${start}${tables(tag).trimStart()}${end}`,
  );
  if (process.env.OWNPOST_WRITE) writeFileSync(PAGE, now);
  else assert.equal(before, now, '`OWNPOST_WRITE=1 node --test tests/validator/elements.test.mjs` writes the page');
});
