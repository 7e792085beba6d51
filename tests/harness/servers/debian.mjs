// A mail server from Debian's packages, which cannot be installed side by side. `cargo xtask setup` has unpacked each
// with its dependencies into a folder of its own. A run uses a copy of that folder, made of hard links, as the root
// folder of the server's processes, so that every path in it belongs to the run.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

const UNPACKED = join(import.meta.dirname, '../../../target/servers');

/**
 * Prepares a server for a run.
 * @param {string} name the name of the unpacked folder
 * @param {string[]} users the users that the server needs, each with a group of the same name
 */
export function debian(name, users = []) {
  const unpacked = join(UNPACKED, name);
  if (!existsSync(unpacked)) throw new Error(`${name} is not unpacked: run \`cargo xtask setup\``);
  if (process.getuid() !== 0) throw new Error(`${name} needs a root folder of its own: run the tests as root`);
  const root = mkdtempSync(join(UNPACKED, `${name}-`));
  execFileSync('cp', ['--archive', '--link', `${unpacked}/.`, root]);
  chmodSync(root, 0o755);
  const at = (path) => join(root, path);
  const ids = new Map([['root', 0], ['nobody', 65534], ...users.map((user, index) => [user, 900 + index])]);
  const log = { text: '' };
  let daemon;
  const end = () => daemon?.kill('SIGTERM');
  /** Ends processes that the daemon has left behind, for instance a waiting delivery. */
  const sweep = () => {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        if (readlinkSync(`/proc/${pid}/root`) === root) process.kill(Number(pid), 'SIGKILL');
      } catch {
        // The process has ended meanwhile.
      }
    }
  };

  const own = (path, owner = 'root') => chownSync(at(path), ids.get(owner), ids.get(owner));
  const lines = (line) => [...ids].map(([user, id]) => `${line(user, id)}\n`).join('');
  const server = {
    at,
    log: () => log.text,
    /** Writes a file; with a `mode` of 0o600 only `owner` can read it. */
    write(path, text, { owner, mode = 0o644 } = {}) {
      mkdirSync(dirname(at(path)), { recursive: true });
      // The file is a hard link: a write in place would change the unpacked folder too.
      rmSync(at(path), { force: true });
      writeFileSync(at(path), text, { mode });
      own(path, owner);
    },
    folder(path, owner, mode = 0o755) {
      mkdirSync(at(path), { recursive: true });
      chmodSync(at(path), mode);
      own(path, owner);
    },
    /** Runs one of its programs to the end and returns the output, from standard error if standard output is empty. */
    run(program, options = [], input = '') {
      const { status, stdout, stderr } = spawnSync('chroot', [root, program, ...options], { encoding: 'utf8', input });
      if (status === null || status > 1) throw new Error(`${program} ended with ${status}: ${stdout}${stderr}`);
      return stdout || stderr;
    },
    /** Starts the daemon, which stays in the foreground. */
    start(program, options) {
      daemon = spawn('chroot', [root, program, ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
      for (const stream of [daemon.stdout, daemon.stderr]) stream.on('data', (bytes) => (log.text += bytes));
      // A test that dies leaves no daemon behind.
      process.on('exit', end);
    },
    /** Throws an error when the daemon has ended. */
    check() {
      if (daemon.exitCode !== null) throw new Error(`${name} ended: ${log.text}`);
    },
    /** The files of a folder, in any order. */
    files(path, ending = '') {
      const names = existsSync(at(path)) ? readdirSync(at(path)).filter((name) => name.endsWith(ending)) : [];
      return names.map((name) => readFileSync(at(join(path, name))));
    },
    async stop() {
      if (daemon && daemon.exitCode === null && daemon.signalCode === null) {
        end();
        await once(daemon, 'exit');
      }
      process.off('exit', end);
      sweep();
      rmSync(root, { recursive: true, force: true, maxRetries: 10 });
    },
  };
  server.write(
    'etc/passwd',
    lines((user, id) => `${user}:*:${id}:${id}::/:/usr/sbin/nologin`),
  );
  server.write(
    'etc/group',
    lines((user, id) => `${user}:*:${id}:`),
  );
  return server;
}
