// The table of the servers in docs/servers.md.
const HEAD = `# Real mail servers

Each of these has taken the whole connectivity test, with STARTTLS and with TLS from the start, and a hundred mails in
one batch through the sender's own path, an event with an attachment, and an address in SMTPUTF8 where it offers that.
Each stored mail was compared octet for octet with the mail that was meant, and read back by another library; a wrong password,
an unknown recipient, a foreign sender and the wrong kind of TLS were each reported with the right code, the last one with
the settings that work. Written by \`OWNPOST_WRITE=1 cargo xtask test servers\`, which fails where any of it does not
hold.

`;

const TAIL = `
Postfix is the system's own; Dovecot, Exim, OpenSMTPD and Sendmail are Debian 13's packages, each in a root folder of its
own, because Debian 12's OpenSMTPD cannot do TLS with OpenSSL 3 and the packages conflict. Haraka and smtp-server come
from npm, aiosmtpd from PyPI; Haraka's limit of 992 octets a line is raised to the limit of RFC 5321. Octet for octet means:
with the line ends of the system where a server stores mail in files, and below the fields that a server may put on top of
a mail (Received, Return-Path and the like).
`;

/** The row of a server. */
export function row({ name, version }, { starttls, tls }, passed) {
  const offered = starttls?.capabilities.afterTls ?? [];
  const mechanisms =
    offered
      .find((line) => /^AUTH /i.test(line))
      ?.split(' ')
      .slice(1)
      .sort()
      .join(', ') ?? '–';
  const has = (extension) => (offered.some((line) => line.split(' ')[0].toUpperCase() === extension) ? 'yes' : 'no');
  return {
    name,
    cells: [
      name,
      version,
      tls?.tls.version ?? '–',
      mechanisms,
      ...['PIPELINING', 'CHUNKING', '8BITMIME', 'SMTPUTF8'].map(has),
      passed ? 'yes' : 'no',
    ],
  };
}

/** The page with its table. */
export function page(rows) {
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  const head = ['server', 'version', 'TLS', 'mechanisms', 'PIPELINING', 'CHUNKING', '8BITMIME', 'SMTPUTF8', 'passed'];
  const sorted = rows.toSorted((a, b) => a.name.localeCompare(b.name));
  return HEAD + line(head) + line(head.map(() => '---')) + sorted.map(({ cells }) => line(cells)).join('') + TAIL;
}
