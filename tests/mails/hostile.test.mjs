// Event data that tries to be more than text, through every type: names that run from right to left, words without an end, HTML,
// line ends and fields of a header, encoded words, code of templates, addresses that are no links. Each mail is read back.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { simpleParser } from 'mailparser';
import { folder, heading, LOCALES, mails, render } from './support.mjs';

/** Values for every member of `data`, each with the name of the recipient and of the reply address. */
const ATTACKS = {
  'right to left': ['مرحبا (שלום) \u202eabc\u202c 123 \u2067x\u2069.', 'محمد \u202e(ceo) بن'],
  'endless words': ['ß'.repeat(10_000), 'ü'.repeat(256)],
  html: [
    `"><script>alert(1)</script><img src=x onerror=y><!-- <style>*{} </td></table></body>`,
    '<b onclick=x>Jan</b>',
  ],
  'line ends': ['a\r\nBcc: eve@example.org\r\n\r\n<b>\rX: y\n.\n.\r\nFrom me\n--=_b\n\u2028\u0085z', 'Bcc: eve'],
  'encoded words': [`=?utf-8?q?x?= =?utf-8?b?eA==?= =?utf-8?q?${'a'.repeat(90)}?=`, '=?utf-8?b?RXZpbA==?='],
  'code of templates': ['{{ 7 * 7 }}{% for i in range(9) %}x{% endfor %}{# c #}', '{{ 7 * 7 }}'],
  'no link': ['https://ex.org/"><script>\u202egpj.exe', 'javascript:alert(1)'],
  'a script': ['javascript:alert(1)', 'data:text/html,x'],
};
const FIELDS = [
  ...['actor', 'title', 'excerpt', 'url', 'due', 'controller', 'reference', 'deadline', 'reason', 'authority'],
  ...['host', 'server', 'from', 'when', 'since', 'held', 'action', 'fields', 'credential'],
];

/** The fields of a header that a mail may have, each once. */
const NAMES = new Set([
  ...['auto-submitted', 'content-language', 'content-type', 'date', 'dkim-signature', 'from', 'list-unsubscribe'],
  ...['list-unsubscribe-post', 'message-id', 'mime-version', 'reply-to', 'subject', 'to', 'x-auto-response-suppress'],
]);
const UNSEEN = /[\u202a-\u202e\u200e\u200f\u2028\u2029]|(?!\n)\p{Cc}/u;

/** The tags of an HTML document, and what could act in it. */
function elements(html) {
  const tags = [...html.matchAll(/<([a-z][a-z0-9]*)\b((?:"[^"]*"|'[^']*'|[^>"'])*)>/gi)];
  const acting = tags.filter(
    ([, , attributes]) =>
      /\son\w+\s*=/i.test(attributes.replace(/"[^"]*"/g, '""')) ||
      [...attributes.matchAll(/\s(?:href|src)="([^"]*)"/g)].some(([, link]) => !/^https?:\/\/[^\s<>]+$/.test(link)),
  );
  return { tags: new Set(tags.map(([, tag]) => tag.toLowerCase())), acting: acting.map(([tag]) => tag) };
}

function write(name, type, value, person, locale) {
  const file = join(folder('attacks'), `${name}.json`);
  writeFileSync(
    file,
    JSON.stringify({
      id: 'e1',
      tenant: 'acme',
      category: 'notification',
      type,
      recipients: [{ address: 'jan@example.org', name: person, locale }],
      replyTo: { address: 'ann@example.org', name: person },
      data: Object.fromEntries(FIELDS.map((field) => [field, value])),
    }),
  );
  return file;
}

test('whatever stands in each field stays text in every type', async () => {
  const known = await mails();
  const types = [...new Set(known.map(({ type }) => type))];
  const allowed = new Set(['bdi', ...known.flatMap(({ html }) => [...elements(html).tags])]);
  const jobs = Object.entries(ATTACKS).flatMap(([attack, [value, person]], row) =>
    types.map((type, column) => ({ attack, value, person, type, locale: LOCALES[(row + column) % LOCALES.length] })),
  );
  const look = async ({ attack, value, person, type, locale }, index) => {
    const file = write(`${index}`, type, value, person, locale);
    const [mail] = await render(`attack-${index}`, [type, '--locale', locale, '--data', file]);
    const what = `${attack}, ${type}, ${locale}`;
    const read = await simpleParser(mail.message, { skipTextToHtml: true });
    const names = read.headerLines.map(({ key }) => key);
    assert.deepEqual(
      names.filter((name) => !NAMES.has(name)),
      [],
      what,
    );
    const once = names.filter((name) => name !== 'dkim-signature');
    assert.equal(new Set(once).size, once.length, `${what}: ${names}`);
    assert.deepEqual(
      [read.from, read.to, read.replyTo].map((field) => field.value.map(({ address }) => address)),
      [['noreply@acme.example'], ['jan@example.org'], ['ann@example.org']],
      what,
    );
    assert.equal(read.subject, heading(mail.html), what);
    assert.ok(read.subject.length <= 180 && !UNSEEN.test(read.subject), `${what}: ${read.subject}`);
    assert.ok(!UNSEEN.test(read.text.replaceAll('\r\n', '\n')), what);
    const { tags, acting } = elements(mail.html);
    assert.deepEqual([[...tags].filter((tag) => !allowed.has(tag)), acting], [[], []], what);
    assert.ok(Buffer.byteLength(mail.html) <= 102 * 1024, `${what}: ${Buffer.byteLength(mail.html)} octets`);
    assert.ok(!read.text.includes('49'), what);
    const lines = mail.message.toString('latin1').split('\r\n');
    assert.ok(
      lines.every((line) => line.length <= 998 && !/[\r\n\x80-\xff]/.test(line)),
      `${what}: a line`,
    );
  };
  for (let at = 0; at < jobs.length; at += 8) {
    await Promise.all(jobs.slice(at, at + 8).map((job, index) => look(job, at + index)));
  }
});
