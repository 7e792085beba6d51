// aiosmtpd, a Python library, in a server of a few lines: aiosmtpd_server.py.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { HOSTNAME, PASSWORD, RECIPIENTS, SENDER, USERNAME } from './account.mjs';

const PYTHON = join(import.meta.dirname, '../../.venv/bin/python');

export async function startAiosmtpd({ tls }) {
  const folder = mkdtempSync(join(tmpdir(), 'ownpost-aiosmtpd-'));
  const at = (name) => join(folder, name);
  writeFileSync(at('server.pem'), tls.cert);
  writeFileSync(at('server.key'), tls.key, { mode: 0o600 });
  const setup = {
    folder,
    hostname: HOSTNAME,
    username: USERNAME,
    password: PASSWORD,
    sender: SENDER,
    recipients: RECIPIENTS,
  };
  const server = spawn(PYTHON, [join(import.meta.dirname, 'aiosmtpd_server.py'), JSON.stringify(setup)]);
  let log = '';
  server.stderr.on('data', (bytes) => (log += bytes));
  const end = () => server.kill();
  process.on('exit', end);
  const ended = once(server, 'exit');
  const first = once(createInterface({ input: server.stdout }), 'line');
  const line = await Promise.race([
    first,
    ended.then(() => {
      throw new Error(`aiosmtpd ended: ${log}`);
    }),
  ]);
  const { version, ports } = JSON.parse(line[0]);
  return {
    name: 'aiosmtpd',
    version,
    ports,
    mails: () =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.eml'))
        .map((name) => readFileSync(at(name))),
    log: () => log,
    async stop() {
      end();
      await ended;
      process.off('exit', end);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
