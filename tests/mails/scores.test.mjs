// What two spam filters think of the content of every mail. Their local rules alone: they know neither the reputation of the
// sending address and of the linked domains, nor SPF, DKIM and DMARC, nor what a filter has learned from its readers.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { folder, mails } from './support.mjs';

/** Modules of rspamd that ask the network or a store. */
const NETWORK = [
  ...['antivirus', 'arc', 'asn', 'bimi', 'clickhouse', 'dcc', 'dkim', 'dkim_signing', 'dmarc', 'elastic'],
  ...['external_services', 'fuzzy_check', 'greylist', 'hfilter', 'history_redis', 'metadata_exporter'],
  ...['metric_exporter', 'mx_check', 'neural', 'p0f', 'ratelimit', 'rbl', 'replies', 'reputation', 'rspamd_update'],
  ...['spf', 'surbl', 'url_redirector'],
];

/** A mail that a filter must dislike, or it is none. */
const SPAM = Buffer.from(
  `From: "Big Winner" <x@acme.example>\r\nTo: jan@example.org\r\nDate: ${new Date().toUTCString()}\r\n` +
    'Message-ID: <1@acme.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n' +
    'Subject: CHEAP VIAGRA 100% FREE!!! ACT NOW $$$\r\n\r\n' +
    '<html><meta http-equiv="refresh" content="0;url=http://198.51.100.1/"><body><font color="white">hidden</font>\r\n' +
    'Dear friend, buy viagra now! Click here: <a href="http://198.51.100.1/x">http://bank.example/</a></body></html>\r\n',
);

/** The mails, and spam behind them. Hostile data is the same in all languages. */
async function inbox() {
  const all = (await mails()).filter((mail) => mail.sample !== 'hostile' || mail.locale === 'en');
  const path = join(folder('spam'), 'spam.eml');
  writeFileSync(path, SPAM);
  return [...all, { name: 'spam', message: SPAM, text: SPAM.toString(), path }];
}

/** Fails with the mails of a positive score and the rules that gave it; the spam must have one. */
function judge(scored) {
  const spam = scored.pop();
  assert.ok(spam.score > 1, `the filter finds nothing wrong with spam: ${spam.score} ${spam.rules}`);
  const disliked = scored.filter(({ score }) => Math.round(score * 100) > 0);
  assert.deepEqual(
    disliked.map(({ name, score, rules }) => `${name}: ${score} ${rules}`),
    [],
  );
}

test('SpamAssassin finds nothing in any mail', async () => {
  const all = await inbox();
  const half = Math.ceil(all.length / 2);
  const parts = await Promise.all([assassin(all.slice(0, half), 'one'), assassin(all.slice(half), 'two')]);
  const lines = parts.flat();
  assert.equal(lines.length, all.length);
  judge(
    all.map(({ name }, index) => {
      const [score, ...rules] = lines[index].split(' ');
      return { name, score: Number(score), rules: rules.join(' ') };
    }),
  );
});

async function assassin(all, name) {
  const child = spawn('perl', [join(import.meta.dirname, 'score.pl'), folder(`assassin-${name}`)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (bytes) => (out += bytes));
  child.stdin.end(all.map((mail) => `${mail.path}\n`).join(''));
  assert.equal(await new Promise((resolve) => child.on('close', resolve)), 0);
  return out.trimEnd().split('\n');
}

test('rspamd finds nothing in any mail', async () => {
  const all = await inbox();
  const { scan, stop } = await rspamd();
  try {
    const scored = [];
    for (const { name, message, text } of all) {
      const { symbols } = await scan(message);
      const rules = hits(symbols, text);
      const score = rules.reduce((sum, rule) => sum + rule.score, 0);
      scored.push({ name, score, rules: rules.map((rule) => `${rule.name}=${rule.score}`).join(' ') });
    }
    judge(scored);
  } finally {
    await stop();
  }
});

/**
 * The hits that count. rspamd guesses the language by words that it picks at random, and takes accents for letters of another
 * alphabet where the guess is wrong; a mail that has Latin letters alone cannot mix alphabets.
 */
function hits(symbols, text) {
  const mixed = /\p{Letter}/u.test(text.replace(/\p{Script=Latin}/gu, ''));
  return Object.values(symbols).filter(({ name, score }) => score !== 0 && (mixed || name !== 'R_MIXED_CHARSET'));
}

/** Debian's rspamd with its own rules, behind a socket in a folder of its own. */
async function rspamd() {
  const home = folder('rspamd');
  const own = join(home, 'override.d');
  mkdirSync(own);
  const write = (name, text) => writeFileSync(join(own, name), text);
  for (const name of NETWORK) write(`${name}.conf`, 'enabled = false;\n');
  for (const name of ['controller', 'proxy', 'fuzzy']) write(`worker-${name}.inc`, 'enabled = false;\n');
  const socket = join(home, 'scan.sock');
  write('worker-normal.inc', `bind_socket = "${socket} mode=0600";\ncount = 1;\n`);
  write('logging.inc', 'type = "console";\nlevel = "error";\n');
  write(
    'options.inc',
    // The discard port of this machine: no name is looked up. Compiling the rules for speed takes longer than it saves.
    `dns { nameserver = ["127.0.0.1:9"]; timeout = 0.01s; retransmits = 1; }
filters = "chartable,regexp";
disable_hyperscan = true;
control_socket = "${join(home, 'control.sock')} mode=0600";
tempdir = "${home}";
`,
  );
  const vars = ['LOCAL_CONFDIR', 'DBDIR', 'RUNDIR', 'LOGDIR'].map((name) => `--var=${name}=${home}`);
  const child = spawn('rspamd', ['--no-fork', '--insecure', ...vars], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (log = (log + bytes).slice(-4000)));
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  process.on('exit', () => child.kill('SIGKILL'));
  let gone = false;
  ended.then(() => (gone = true));
  while (!existsSync(socket)) {
    assert.ok(!gone, log);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const scan = (message) =>
    new Promise((resolve, reject) => {
      const asked = request({
        socketPath: socket,
        path: '/checkv2',
        method: 'POST',
        headers: { From: 'noreply@acme.example', Rcpt: 'jan@example.org' },
      });
      asked.on('error', reject);
      asked.on('response', (answer) => {
        let body = '';
        answer.on('data', (bytes) => (body += bytes));
        answer.on('end', () => resolve(JSON.parse(body)));
      });
      asked.end(message);
    });
  return { scan, stop };
}
