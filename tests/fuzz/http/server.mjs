// The server under test, and a client that sends any bytes to it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const BINARY = process.env.OWNPOST_BINARY ?? join(import.meta.dirname, '../../../target/debug/ownpost');
/** How long an answer may take: a machine that is full is slow, and what hangs comes never. */
const PATIENCE = 300_000;
/** How long a raw request may be without an answer, since most of them are no request. */
const RAW_PATIENCE = 500;

/** `ownpost local` in a folder. */
export class Local {
  static async start(folder) {
    const data = join(folder, 'data');
    rmSync(data, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const local = new Local();
    local.folder = folder;
    local.data = data;
    await local.run();
    return local;
  }

  async run() {
    const args = ['local', '--port', '0', '--data', this.data];
    this.child = spawn(BINARY, args, { env: { ...process.env, RUST_LOG: 'info' }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.pid = this.child.pid;
    const log = createWriteStream(join(this.folder, 'log.txt'), { flags: 'a' });
    this.child.stderr.on('data', (bytes) => {
      log.write(bytes);
      if (bytes.includes('panicked')) this.panicked = true;
    });
    for await (const line of createInterface({ input: this.child.stdout })) {
      if (line.startsWith('ready ')) {
        this.url = line.slice('ready '.length).trim();
        break;
      }
    }
    if (!this.url) throw new Error('ownpost local did not start');
    this.child.stdout.resume();
    this.port = Number(new URL(this.url).port);
    this.headers = { host: `127.0.0.1:${this.port}`, connection: 'close', 'content-type': 'application/json' };
    const { relays } = await (await fetch(`${this.url}/dev/relays`)).json();
    this.platform = relays.find((relay) => relay.name === 'platform');
    this.customer = relays.find((relay) => relay.name === 'customer');
  }

  /** A tenant with the headers of its admin's token. */
  async tenant(name) {
    const body = JSON.stringify({ tenant: name, email: `admin@${name}.test` });
    const { token } = await (await fetch(`${this.url}/dev/token`, { method: 'POST', body })).json();
    return { name, headers: { authorization: `Bearer ${token}` } };
  }

  /** What is wrong with the process, if anything. */
  problem() {
    const { exitCode, signalCode } = this.child;
    if (exitCode !== null || signalCode !== null) return `the server ended: ${exitCode ?? signalCode}`;
    return this.panicked ? 'the server panicked, see log.txt' : null;
  }

  /** Stops it as a service manager does; returns the exit status. */
  async end() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    this.child.kill('SIGTERM');
    const [code] = await once(this.child, 'exit');
    return code;
  }
}

/** Sends a request and returns its answer; `status` is 0 when none came. */
export async function exchange(port, request) {
  const sent = request.raw ?? bytesOf(request);
  const socket = connect(port, '127.0.0.1');
  const parts = [];
  socket.on('data', (bytes) => parts.push(bytes));
  // The server may close while we write.
  socket.on('error', () => {});
  let late = false;
  socket.setTimeout(request.raw ? RAW_PATIENCE : PATIENCE, () => {
    late = true;
    socket.destroy();
  });
  socket.write(sent);
  await once(socket, 'close');
  return { ...read(Buffer.concat(parts)), sent, late: late && !request.raw };
}

function bytesOf({ line, headers, body }) {
  const bytes = Buffer.from(body);
  const lines = Object.entries({ ...headers, 'content-length': bytes.length });
  const head = `${line} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), bytes]);
}

/** An answer by its parts. `kind` says what kind of answer it is: the status, and its codes. */
function read(bytes) {
  const end = bytes.indexOf('\r\n\r\n');
  const head = bytes.subarray(0, Math.max(end, 0)).toString('latin1');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
  const type = /^content-type: ([^;\r]*)/im.exec(head)?.[1] ?? '';
  const chunked = /^transfer-encoding: chunked/im.test(head);
  const body = end < 0 ? Buffer.alloc(0) : bytes.subarray(end + 4);
  let json;
  if (type.includes('json') && !chunked) {
    try {
      json = JSON.parse(body.toString('utf8'));
    } catch {
      json = undefined;
    }
  }
  const codes = new Set();
  codesIn(json, codes);
  return { bytes, head, status, type, chunked, body, json, kind: `${status} ${[...codes].sort().join(',')}` };
}

/** The codes anywhere in an answer, but not those in a list of rows. */
function codesIn(value, codes) {
  if (value === null || typeof value !== 'object' || codes.size > 6) return;
  if (typeof value.code === 'string') codes.add(value.code);
  for (const key of ['issues', 'events', 'failure']) codesIn(value[key], codes);
  if (Array.isArray(value)) for (const member of value) codesIn(member, codes);
}
