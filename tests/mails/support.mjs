// The mails of the suite: every type in every language with each sample of data, rendered and signed by the real binary.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ownpost } from '../harness/ownpost.mjs';

export const run = promisify(execFile);
export const SAMPLES = ['full', 'minimal', 'hostile'];
export const LOCALES = ['de', 'en', 'es', 'fr', 'nl'];

const root = mkdtempSync(join(tmpdir(), 'ownpost-mails-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));

/** A folder of its own for one part of the suite. */
export function folder(name) {
  const path = join(root, name);
  mkdirSync(path, { recursive: true });
  return path;
}

/** Keys as an operator has them, RSA and Ed25519, and what stands in DNS. */
function keys() {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ed25519 = generateKeyPairSync('ed25519');
  const pem = (pair) => pair.privateKey.export({ type: 'pkcs8', format: 'pem' });
  const der = (pair) => pair.publicKey.export({ type: 'spki', format: 'der' });
  const file = join(root, 'dkim.json');
  const domain = 'acme.example';
  writeFileSync(
    file,
    JSON.stringify([
      { domain, selector: 'rsa', privateKeyPem: pem(rsa) },
      { domain, selector: 'ed', privateKeyPem: pem(ed25519) },
    ]),
  );
  const records = {
    'rsa._domainkey.acme.example': `v=DKIM1; k=rsa; p=${der(rsa).toString('base64')}`,
    // RFC 8463 §4: the 32 octets of the key alone, without their ASN.1.
    'ed._domainkey.acme.example': `v=DKIM1; k=ed25519; p=${der(ed25519).subarray(-32).toString('base64')}`,
  };
  return { file, records };
}
export const dkim = keys();
const env = { OWNPOST_DKIM: dkim.file };

/** Runs `ownpost mails render` and returns the mails that it wrote, in order. */
export async function render(name, args) {
  const out = folder(name);
  const { code, stderr } = await ownpost(['mails', 'render', '--out', out, ...args], {
    env: { ...env, RUST_LOG: 'warn' },
  });
  assert.equal(code, 0, stderr);
  return readdirSync(out)
    .filter((file) => file.endsWith('.eml'))
    .sort()
    .map((file) => mail(name, out, file));
}

function mail(sample, out, file) {
  const [, type, locale] = /^(.+)\.([^.]+)\.eml$/.exec(file);
  const read = (ending) => readFileSync(join(out, `${type}.${locale}.${ending}`), 'utf8');
  return {
    name: `${sample} ${type} ${locale}`,
    sample,
    type,
    locale,
    path: join(out, file),
    message: readFileSync(join(out, file)),
    text: read('txt'),
    html: read('html'),
  };
}

let rendered;
/** Every type × language × sample. */
export async function mails() {
  rendered ??= Promise.all(SAMPLES.map((sample) => render(sample, ['--sample', sample])));
  const all = (await rendered).flat();
  // What comes out is what the catalogue has, so a forgotten folder does not pass for a proof.
  const types = new Set(all.map((one) => one.type));
  assert.equal(all.length, types.size * LOCALES.length * SAMPLES.length);
  assert.ok(types.size >= 24, `${types.size} types`);
  return all;
}

/** Whether Ownpost sends it to admins on its own account. */
export const isOwn = (mail) => mail.type.startsWith('ownpost.');

/** The categories whose mail nobody can unsubscribe from. */
export const mayUnsubscribe = (mail) => /^(notification|comment|mention|task)/.test(mail.type);

/** The text of the first heading of an HTML document. */
export function heading(html) {
  const [, inner] = /<h1[^>]*>(.*?)<\/h1>/s.exec(html);
  const text = inner.replaceAll('<bdi>', '\u2068').replaceAll('</bdi>', '\u2069');
  const entities = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' };
  return text.replace(/&(lt|gt|quot|#39|amp);/g, (entity) => entities[entity]);
}
