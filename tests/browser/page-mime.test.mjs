// The plain text of a caught mail on the page. Any program can send to the catching relays, so any bytes must give
// some text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readableText } from '../../sender-lambda/local/page/mime.js';

const bytes = (text) => new TextEncoder().encode(text.replaceAll('\n', '\r\n'));
const plain = (text) => text.replaceAll('\r\n', '\n').trim();

const alternative = (boundary, inner) =>
  `Subject: x\nContent-Type: multipart/alternative;\n boundary=${boundary}\n\npreamble\n${inner}`;
const mails = [
  ['no header', 'Hello', ''],
  ['no MIME', 'Subject: x\n\nHello', 'Hello'],
  ['UTF-8', 'Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGrüße', 'Grüße'],
  [
    'quoted-printable',
    'Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9Fe, soft=\n line =3D',
    'Grüße, soft line =',
  ],
  ['base64', 'Content-Type: text/plain; charset="utf-8"\nContent-Transfer-Encoding: base64\n\nR3LDvMOf\nZQ==', 'Grüße'],
  [
    'Latin-1',
    'Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe',
    'Grüße',
  ],
  [
    'alternatives',
    alternative('"b"', '--b\nContent-Type: text/plain\n\nplain\n--b\nContent-Type: text/html\n\n<p>html</p>\n--b--\n'),
    'plain',
  ],
  [
    'HTML first',
    alternative('b', '--b\nContent-Type: text/html\n\n<p>html</p>\n--b\nContent-Type: text/plain\n\nplain\n--b--\n'),
    'plain',
  ],
  [
    'nested',
    alternative(
      'a',
      '--a\nContent-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/plain\n\ndeep\n--b--\n--a--\n',
    ),
    'deep',
  ],
  ['only HTML', 'Content-Type: text/html\n\n<p>html</p>', '<p>html</p>'],
  ['no such charset', 'Content-Type: text/plain; charset=nonsense\n\nHello', 'Hello'],
  ['broken base64', 'Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n***', '***'],
  ['a boundary that never comes', alternative('b', 'nothing'), 'preamble\nnothing'],
];
for (const [name, mail, expected] of mails) {
  test(name, () => assert.equal(plain(readableText(bytes(mail))), expected));
}

test('endless multipart in multipart, and random bytes', () => {
  const deep = Array.from(
    { length: 1000 },
    (_, at) => `Content-Type: multipart/mixed; boundary=b${at}\n\n--b${at}\n`,
  ).join('');
  assert.equal(typeof readableText(bytes(deep)), 'string');
  assert.equal(typeof readableText(Uint8Array.from({ length: 65_536 }, (_, at) => (at * 7919) % 256)), 'string');
  assert.equal(readableText(new Uint8Array()), '');
});
