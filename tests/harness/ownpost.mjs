// `ownpost`, the real binary: the one-machine server in a temporary folder, and the other commands.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const BINARY = process.env.OWNPOST_BINARY ?? join(import.meta.dirname, '../../target/debug/ownpost');

/** The most detailed log level: the tests search the logs for secrets. */
const traced = { ...process.env, RUST_LOG: 'trace' };

/** The output of all commands since the tests began, for the search for secrets. */
const written = [];
export const everythingWritten = () => Buffer.concat(written).toString('utf8');

function start(args, env, stdio = 'pipe') {
  const child = spawn(BINARY, args, { env: { ...traced, ...env }, stdio: [stdio, 'pipe', 'pipe'] });
  child.stdout.on('data', (bytes) => written.push(bytes));
  child.stderr.on('data', (bytes) => written.push(bytes));
  return child;
}

/** Runs a command to its end with `input` on its standard input. */
export async function ownpost(args, { env = {}, input = '' } = {}) {
  const child = start(args, env);
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].on('data', (bytes) => (out[name] += bytes));
  child.stdin.on('error', () => {}); // The program may end without reading.
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code, ...out };
}

/** Starts `ownpost local` on a port of the system's choice, in a new folder or in that of one before, and waits until it is ready. */
export async function startLocal({ env = {}, args = [], data = mkdtempSync(join(tmpdir(), 'ownpost-local-')) } = {}) {
  const child = start(['local', '--port', '0', '--data', data, ...args], env, 'ignore');
  const end = () => child.kill('SIGTERM');
  process.on('exit', end);
  let tail = '';
  child.stderr.on('data', (bytes) => (tail = (tail + bytes).slice(-4000)));
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`ownpost local ended (${code ?? signal}) before it was ready: ${tail}`);
  });
  ended.catch(() => {});
  const ready = async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith('ready ')) return line.slice('ready '.length).trim();
    }
    return ended;
  };
  const url = await Promise.race([ready(), ended]);
  // The pipe is read further, because a full one would stop the server.
  child.stdout.resume();

  const json = async (path, options) => (await fetch(url + path, options)).json();
  return {
    url,
    data,
    /** Mail that an embedded relay has caught: `platform` or the example customer's. */
    async caught(relay) {
      const mails = [];
      for (let before = ''; before !== null; ) {
        const page = await json(`/dev/mail?limit=500${before}`);
        mails.push(...page.mail.filter((mail) => mail.relay === relay));
        before = page.next && `&before=${page.next}`;
      }
      return mails;
    },
    raw: async (id) => (await fetch(`${url}/dev/mail/${id}`)).text(),
    relays: () => json('/dev/relays'),
    /** Functions that call the API as an admin of `tenant`; each returns `{status, body}`. */
    async as(tenant, email = `admin@${tenant}.test`) {
      const post = { method: 'POST', headers: { 'Content-Type': 'application/json' } };
      const { token } = await json('/dev/token', { ...post, body: JSON.stringify({ tenant, email }) });
      return async (method, path, body) => {
        const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
        const answer = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
        const text = await answer.text();
        return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
      };
    },
    /** Ends it as a crash does; the folder stays. */
    async kill() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      process.off('exit', end);
    },
    async stop() {
      end();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      process.off('exit', end);
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** Sends mails in one batch through the sender's own code; `pool.rs` describes request and result. */
export async function throughPool(request, env) {
  const child = spawn(join(BINARY, '../pool'), { env: { ...traced, ...env } });
  const out = [];
  child.stdout.on('data', (bytes) => out.push(bytes));
  child.stderr.on('data', (bytes) => written.push(bytes));
  child.stdin.end(JSON.stringify(request));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`pool ended with ${code}: ${Buffer.concat(written).toString('utf8').slice(-2000)}`);
  return JSON.parse(Buffer.concat(out));
}
