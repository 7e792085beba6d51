// Converts corpora between their two forms: one file for each input, as libFuzzer reads them, and one escaped line
// for each input, as they are checked in.
//
//   node tests/fuzz/corpus.mjs unpack reply FOLDER  corpus/reply.txt into files
//   node tests/fuzz/corpus.mjs pack reply FOLDER    the smallest files, as many as fit, into corpus/reply.txt

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [verb, target, folder] = process.argv.slice(2);
if (!['pack', 'unpack'].includes(verb) || !folder) throw new Error('corpus.mjs pack|unpack TARGET FOLDER');
const file = fileURLToPath(new URL(`corpus/${target}.txt`, import.meta.url));

/** The largest input that is kept, and the largest file of inputs, in bytes. */
const LARGEST = 4096;
const TOTAL = 100_000;

const toLine = (bytes) => {
  let line = '';
  for (const byte of bytes) {
    if (byte === 0x0a) line += '\\n';
    else if (byte === 0x0d) line += '\\r';
    else if (byte === 0x5c) line += '\\\\';
    else if (byte >= 0x20 && byte < 0x7f) line += String.fromCharCode(byte);
    else line += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return line;
};

const fromLine = (line) => {
  const bytes = [];
  for (let at = 0; at < line.length; at++) {
    if (line[at] !== '\\') bytes.push(line.charCodeAt(at));
    else if (line[++at] === 'x') {
      bytes.push(Number.parseInt(line.slice(at + 1, at + 3), 16));
      at += 2;
    } else bytes.push({ n: 0x0a, r: 0x0d, '\\': 0x5c }[line[at]]);
  }
  return Uint8Array.from(bytes);
};

if (verb === 'unpack') {
  mkdirSync(folder, { recursive: true });
  for (const line of readFileSync(file, 'latin1').split('\n').slice(0, -1)) {
    const bytes = fromLine(line);
    writeFileSync(join(folder, createHash('sha1').update(bytes).digest('hex')), bytes);
  }
} else {
  const inputs = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  const lines = inputs
    .filter(({ length }) => length <= LARGEST)
    .sort((a, b) => a.length - b.length)
    .map(toLine);
  let size = 0;
  const kept = lines.filter((line) => {
    size += line.length + 1;
    return size <= TOTAL;
  });
  writeFileSync(file, kept.map((line) => `${line}\n`).join(''));
  console.log(`${kept.length} of ${inputs.length} inputs, ${kept.join('').length} octets`);
}
