// Haraka from npm, with a plugin that knows one account's addresses and keeps each mail: haraka_inbox.cjs.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { HOSTNAME, PASSWORD, RECIPIENTS, SENDER, USERNAME } from './account.mjs';
import { freePort, greets, until } from '../wait.mjs';

const HARAKA = join(import.meta.dirname, '../../node_modules/Haraka');
/** A group from RFC 7919; Haraka would generate its own, which takes long. */
const DH_PARAMETERS = execFileSync('openssl', [
  'genpkey',
  '-genparam',
  '-algorithm',
  'DH',
  '-pkeyopt',
  'group:ffdhe2048',
]);
const { version } = createRequire(import.meta.url)('Haraka/package.json');

export async function startHaraka({ tls }) {
  const folder = mkdtempSync(join(tmpdir(), 'ownpost-haraka-'));
  const at = (name) => join(folder, name);
  for (const name of ['config', 'plugins', 'queue', 'mail']) mkdirSync(at(name));
  cpSync(join(import.meta.dirname, 'haraka_inbox.cjs'), at('plugins/inbox.js'));
  const shipped = (name) => readFileSync(join(HARAKA, 'config', name), 'utf8');
  const ports = { starttls: await freePort(), tls: await freePort() };
  const config = {
    me: `${HOSTNAME}\n`,
    'log.ini': shipped('log.ini'),
    // Haraka breaks lines of more than 992 octets. RFC 5321 §4.5.3.1.6 allows 998, without the line end and a doubled
    // dot.
    'connection.ini': shipped('connection.ini').replace('data_line_length=992', 'data_line_length=1001'),
    plugins: 'tls\nauth/flat_file\ninbox\n',
    'smtp.ini': `listen=127.0.0.1:${ports.starttls},127.0.0.1:${ports.tls}\nsmtps_port=${ports.tls}\nnodes=0\n`,
    'tls.ini': 'key=server.key\ncert=server.pem\ndhparam=dhparams.pem\n',
    'dhparams.pem': DH_PARAMETERS,
    'server.key': tls.key,
    'server.pem': tls.cert,
    'auth_flat_file.ini': `[core]\nmethods=PLAIN,LOGIN\nconstrain_sender=false\n[users]\n${USERNAME}=${PASSWORD}\n`,
    'inbox.json': JSON.stringify({ folder: at('mail'), sender: SENDER, recipients: RECIPIENTS }),
  };
  for (const [name, text] of Object.entries(config)) writeFileSync(at(`config/${name}`), text, { mode: 0o600 });

  const server = spawn(process.execPath, [join(HARAKA, 'bin/haraka'), '-c', folder]);
  let log = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (bytes) => (log += bytes));
  const end = () => server.kill();
  process.on('exit', end);
  const ended = once(server, 'exit');
  await until(
    'Haraka',
    () => greets(ports.starttls),
    () => {
      if (server.exitCode !== null) throw new Error(`Haraka ended: ${log}`);
    },
  );
  return {
    name: 'Haraka',
    version,
    ports,
    mails: () =>
      readdirSync(at('mail'))
        .filter((name) => name.endsWith('.eml'))
        .map((name) => readFileSync(at(`mail/${name}`))),
    log: () => log,
    async stop() {
      end();
      await ended;
      process.off('exit', end);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
