// The hundred mails that go through each server, of every kind that a server or Ownpost could damage. They are
// composed here octet by octet, not by the product, so that the arrived mail is compared with the intended one.
import { RECIPIENT, RECIPIENT_UTF8, SENDER } from '../harness/servers/account.mjs';

const COUNT = 100;
const b64 = (bytes) =>
  Buffer.from(bytes)
    .toString('base64')
    .replace(/(.{76})(?!$)/g, '$1\r\n');
const encodedWord = (text) => `=?utf-8?b?${Buffer.from(text).toString('base64')}?=`;
/** Octets that look random and are the same in every run. */
const octets = (length, seed) =>
  Buffer.from(Array.from({ length }, (_, at) => (at * at + seed * 31 + (at >> 3)) & 0xff));

/** Each kind of mail: the part after the common fields, and the result that a reader must find in it. */
const KINDS = {
  'plain text': (n) => plain(`Hello ${n}.\r\n`),
  'eight bits': (n) => plain(`Grüße aus Ĳsselstein, ${n} × 👋\r\n`, { encoding: '8bit', charset: 'utf-8' }),
  'eight bits, not UTF-8': (n) => {
    const text = `Stra\u00dfe \u00e9\u00e8 ${n}\r\n`;
    return plain(text, { encoding: '8bit', charset: 'iso-8859-1', bytes: Buffer.from(text, 'latin1') });
  },
  'leading dots': (n) => plain(`.\r\n..\r\n...${n}\r\n.hidden\r\n \r\n.\r\n`),
  'lines of 998 octets': (n) => plain(`${'x'.repeat(998)}\r\n.${'y'.repeat(997)}\r\n${n}\r\n`),
  'an empty body': () => plain(''),
  'lines for mailboxes': (n) => plain(`From here on\r\n>From ${n}\r\n\r\nFrom there\r\n`),
  'white space': (n) => plain(`trailing  \r\n\ttab\t\r\n\r\n\r\n\r\n  ${n}\r\n\r\n\r\n`),
  'quoted-printable, text and HTML': (n) => {
    const [text, html] = [`Größe ${n} = 1`, `<p>Größe ${n} = 1</p>`];
    const quote = (part) =>
      part.replace(/[=ö-ÿ]/g, (c) =>
        [...Buffer.from(c)].map((b) => `=${b.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
      );
    const part = (type, body) =>
      `Content-Type: text/${type}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${quote(body)}\r\n`;
    return multipart('alternative', [part('plain', text), part('html', html)], {
      text: `${text}\n`,
      html: `${html}\n`,
    });
  },
  attachments: (n) => {
    const files = [
      ['plan.pdf', octets(3000 + n, n)],
      ['Übersicht.bin', octets(n, n)],
      ['empty.txt', Buffer.alloc(0)],
    ];
    const name = (file) =>
      /^[ -~]*$/.test(file) ? `filename="${file}"` : `filename*=utf-8''${encodeURIComponent(file)}`;
    const parts = files.map(
      ([file, bytes]) =>
        'Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n' +
        `Content-Disposition: attachment; ${name(file)}\r\n\r\n${b64(bytes)}\r\n`,
    );
    return multipart('mixed', [`Content-Type: text/plain; charset=utf-8\r\n\r\nSee ${n}.\r\n`, ...parts], {
      text: `See ${n}.\n`,
      attachments: files.map(([filename, content]) => ({ filename, content })),
    });
  },
  'a long folded header': (n) =>
    plain(`${n}\r\n`, {
      more: `References:${Array.from({ length: 40 }, (_, at) => `\r\n <${n}.${at}@thread.customer.test>`).join('')}\r\n`,
    }),
};

function plain(text, { encoding = '7bit', charset = 'us-ascii', bytes = Buffer.from(text), more = '' } = {}) {
  const fields = `${more}Content-Type: text/plain; charset=${charset}\r\nContent-Transfer-Encoding: ${encoding}\r\n`;
  return {
    bytes: Buffer.concat([Buffer.from(`${fields}\r\n`), bytes]),
    means: { text: text.replaceAll('\r\n', '\n') },
  };
}

function multipart(kind, parts, means) {
  const boundary = "a-boundary/of'theirs";
  const body = parts.map((part) => `--${boundary}\r\n${part}`).join('');
  return {
    bytes: Buffer.from(`Content-Type: multipart/${kind}; boundary="${boundary}"\r\n\r\n${body}--${boundary}--\r\n`),
    means,
  };
}

/** A mail as the sender takes it, and the result that a reader must find in it. */
function mail(n, kind, { to = RECIPIENT, subject = `Nº ${n}: ${kind}`, word = encodedWord } = {}, { bytes, means }) {
  const messageId = `<${n}@mails.customer.test>`;
  const fields = [
    `From: ${word('Kundenservice Süd')} <${SENDER}>`,
    `To: ${to}`,
    `Message-ID: ${messageId}`,
    'Date: Fri, 01 May 2026 12:00:00 +0000',
    `Subject: ${word(subject)}`,
    'MIME-Version: 1.0',
    '',
  ];
  return {
    kind,
    to,
    messageId,
    bytes: Buffer.concat([Buffer.from(fields.join('\r\n')), bytes]),
    means: { subject, from: SENDER, to, ...means },
  };
}

/** The hundred mails: each kind in turn, and one of a megabyte. */
export function hundredMails() {
  const kinds = Object.entries(KINDS);
  const mails = Array.from({ length: COUNT - 1 }, (_, n) => {
    const [kind, make] = kinds[n % kinds.length];
    return mail(n, kind, {}, make(n));
  });
  const line = `${'0123456789abcdef'.repeat(4)} .\r\n`;
  mails.push(mail(COUNT - 1, 'a megabyte', {}, plain(line.repeat(Math.ceil(2 ** 20 / line.length)))));
  return mails;
}

/** A mail to an address that takes SMTPUTF8, with a header in plain UTF-8. */
export const utf8Mail = () =>
  mail(
    COUNT,
    'SMTPUTF8',
    { to: RECIPIENT_UTF8, subject: 'Grüße', word: (text) => text },
    plain('Grüße\r\n', { encoding: '8bit', charset: 'utf-8' }),
  );
