// Every mail read back by two other libraries, field by field, and its signatures checked by a third.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { simpleParser } from 'mailparser';
import { dkim, folder, heading, isOwn, mails, mayUnsubscribe, render } from './support.mjs';

const UNSUBSCRIBE = 'https://app.example.com/unsubscribe/42';
/** All fields of a mail without answers, threads and files. One more would be an injected one. */
const NAMES = [
  'auto-submitted',
  'content-language',
  'content-type',
  'date',
  'dkim-signature',
  'dkim-signature',
  'from',
  'message-id',
  'mime-version',
  'subject',
  'to',
  'x-auto-response-suppress',
];

/** What Python's library reads of these mails. */
async function byPython(all) {
  const child = spawn('python3', [join(import.meta.dirname, 'parse.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (bytes) => (out += bytes));
  child.stdin.end(all.map((mail) => `${mail.path}\n`).join(''));
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 0);
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** The same fields as mailparser reads them. */
async function byMailparser({ message }) {
  const read = await simpleParser(message, { skipTextToHtml: true, skipImageLinks: true });
  const people = (field) => (field?.value ?? []).map((one) => [one.name, one.address]);
  const raw = (key) => read.headerLines.find((line) => line.key === key)?.line.replace(/^[^:]*:\s*/, '') ?? null;
  return {
    names: read.headerLines.map((line) => line.key).sort(),
    from: people(read.from),
    to: people(read.to),
    replyTo: people(read.replyTo),
    subject: read.subject,
    messageId: read.messageId,
    references: [read.references ?? null].flat().join(' ') || null,
    language: raw('content-language'),
    unsubscribe: read.headers.get('list')?.unsubscribe?.url ? `<${read.headers.get('list').unsubscribe.url}>` : null,
    unsubscribePost: raw('list-unsubscribe-post'),
    autoSubmitted: raw('auto-submitted'),
    suppress: raw('x-auto-response-suppress'),
    text: read.text ?? null,
    html: read.html || null,
    attachments: read.attachments.map((file) => ({
      name: file.filename ?? null,
      type: file.contentType,
      sha256: createHash('sha256').update(file.content).digest('hex'),
    })),
  };
}

/** Line ends and the last one are the reader's own. */
const lines = (text) => text?.replaceAll('\r\n', '\n').replace(/\n+$/, '') ?? null;
const normal = ({ defects: _, ...fields }) => ({ ...fields, text: lines(fields.text), html: lines(fields.html) });

const resolver = async (name, type) => {
  assert.equal(type, 'TXT');
  assert.ok(dkim.records[name], name);
  return [[dkim.records[name]]];
};
const verify = async (message) =>
  (await dkimVerify(message, { resolver })).results.map(({ selector, status }) => [selector, status.result]);

test('two libraries read in every mail the fields that were meant', async () => {
  const all = await mails();
  const python = await byPython(all);
  for (const [index, mail] of all.entries()) {
    const unsubscribe = mayUnsubscribe(mail);
    const names = [...NAMES, ...(unsubscribe ? ['list-unsubscribe', 'list-unsubscribe-post'] : [])].sort();
    const meant = {
      names,
      from: [['Acme', 'noreply@acme.example']],
      to: [['Jan de Vries', 'jan@example.org']],
      replyTo: [],
      subject: heading(mail.html),
      messageId: '<preview@acme.example>',
      references: null,
      language: mail.locale,
      unsubscribe: unsubscribe ? `<${UNSUBSCRIBE}>` : null,
      unsubscribePost: unsubscribe ? 'List-Unsubscribe=One-Click' : null,
      autoSubmitted: 'auto-generated',
      suppress: 'All',
      text: lines(mail.text),
      html: lines(mail.html),
      attachments: [],
    };
    assert.deepEqual(python[index].defects, [], mail.name);
    assert.deepEqual(normal(python[index]), meant, `${mail.name}, by Python`);
    assert.deepEqual(normal(await byMailparser(mail)), meant, `${mail.name}, by mailparser`);
  }
});

test('hostile data stays text', async () => {
  for (const mail of (await mails()).filter((one) => one.sample === 'hostile')) {
    const subject = heading(mail.html);
    assert.ok(!/[\u202a-\u202e\u200e\u200f\r\n]/.test(subject + mail.text.replaceAll('\n', '')), mail.name);
    assert.ok(!mail.html.includes('<b onclick'), mail.name);
    // Some types say nothing that the event gives, and an alert's server is a name.
    assert.ok(!mail.text.includes(' 49 ') && !mail.html.includes(' 49 '), mail.name);
    assert.ok(isOwn(mail) || mail.text.includes('{{ 7 * 7 }}'), mail.name);
  }
});

test('mailauth finds both signatures of every mail good, and none of an altered one', async () => {
  for (const mail of await mails()) {
    const sound = [
      ['rsa', 'pass'],
      ['ed', 'pass'],
    ].sort();
    assert.deepEqual((await verify(mail.message)).sort(), sound, mail.name);
  }
  const [mail] = await mails();
  const text = mail.message.toString('latin1');
  for (const [what, altered] of [
    ['subject', text.replace(/^Subject: /m, 'Subject: x')],
    ['a second To', `To: eve@example.org\r\n${text}`],
    ['a word of the body', text.replace('Jan de Vries,', 'Jan de Wries,').replace('Jan de Vries:', 'Jan de Wries:')],
    ['a line more', `${text}x\r\n`],
  ]) {
    assert.notEqual(altered, text, what);
    for (const [selector, result] of await verify(Buffer.from(altered, 'latin1'))) {
      assert.notEqual(result, 'pass', `${what}, ${selector}`);
    }
  }
});

/** Files that mailers like to change: line ends, NULs, long lines, all octets, what looks like a boundary or a dot line. */
const FILES = [
  ['list.csv', 'text/csv', 'a,b\nc,d\n'],
  ['windows.csv', 'text/csv', 'a,b\r\nc,d\r\n'],
  ['old.txt', 'text/plain', 'one\rtwo\r'],
  ['dots.txt', 'text/plain', '.\n..\n.\r\n'],
  ['from.txt', 'text/plain', 'From here\n--\nFrom there   \n'],
  ['key.pem', 'application/x-pem-file', '-----BEGIN X-----\nabc=\n-----END X-----\n'],
  ['data.json', 'application/json', '{"a":"é"}'],
  ['page.html', 'text/html', '<p>=3D é\n'],
  ['long.txt', 'text/plain', 'x'.repeat(5000)],
  ['all.bin', 'application/octet-stream', Buffer.from(Array.from({ length: 1024 }, (_, octet) => octet % 256))],
  ['nul.tar', 'application/x-tar', Buffer.alloc(512)],
  ['empty.txt', 'text/plain', ''],
  ['Überprüfung « n° 1 ».pdf', 'application/pdf', '%PDF-1.7\n'],
  ['=?utf-8?q?x?=.txt', 'text/plain', 'x'],
  ['it’s "quoted"; a=b.txt', 'text/plain', 'x'],
  ['"plain"; a=b.txt', 'text/plain', 'x'],
  [`${'ä'.repeat(60)}.txt`, 'text/plain', 'x'],
  ['日本語.txt', 'text/plain', '日本語'],
];

test('attachments, the reply address and the thread arrive as the event gave them', async () => {
  const file = join(folder('events'), 'event.json');
  const attachments = FILES.map(([filename, contentType, bytes]) => ({
    filename,
    contentType,
    base64: Buffer.from(bytes).toString('base64'),
  }));
  writeFileSync(
    file,
    JSON.stringify({
      id: 'e1',
      tenant: 'acme',
      category: 'notification',
      type: 'comment.created',
      recipients: [{ address: 'jan@example.org', name: '=?utf-8?q?Evil?= <ceo@bank.example>', locale: 'nl' }],
      replyTo: { address: 'ann@example.org', name: 'Ann, "Dr." Smith' },
      thread: 'treatment-42',
      data: { title: '=?utf-8?b?eA==?= Überprüfung', url: 'https://app.example.com/t?a=1&b=2' },
      attachments,
    }),
  );
  const [mail] = await render('event', ['comment.created', '--data', file]);
  const meant = FILES.map(([name, type, bytes]) => ({
    name,
    type,
    sha256: createHash('sha256').update(Buffer.from(bytes)).digest('hex'),
  }));
  const [python] = await byPython([mail]);
  for (const read of [python, await byMailparser(mail)]) {
    assert.deepEqual(read.attachments, meant);
    assert.deepEqual(read.replyTo, [['Ann, "Dr." Smith', 'ann@example.org']]);
    assert.deepEqual(read.to, [['=?utf-8?q?Evil?= <ceo@bank.example>', 'jan@example.org']]);
    assert.equal(read.subject, heading(mail.html));
    assert.ok(read.subject.includes('=?utf-8?b?eA==?= Überprüfung'), read.subject);
    assert.match(read.references, /^<[^<>@\s]+@acme\.example>$/);
    assert.equal(read.language, 'nl');
  }
  // RFC 2047 §5 forbids encoded words in quoted text; beside the name by RFC 2231, Outlook reads this one alone.
  assert.deepEqual(python.defects, [
    'encoded word inside quoted string',
    'missing trailing whitespace after encoded-word',
  ]);
  assert.deepEqual(
    (await verify(mail.message)).map(([, result]) => result),
    ['pass', 'pass'],
  );
});
