// Cold start of the four functions, beside a Lambda in Rust that does nothing and beside the same work in Node and Python:
// from the start of the process to its first request for an invocation, and its memory then.
//
//   node run.mjs BOOTSTRAP HELLO PYTHON [--quick]     (`cargo xtask bench coldstart` builds both and runs this)
//
// A socket on loopback takes the place of the Runtime API. The programs take turns, so that a busy second of the machine is
// everybody's; the ratios are of one round.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { chart } from '../validating/chart.mjs';

const here = import.meta.dirname;
const root = join(here, '../../..');
const [bootstrap, hello, python, ...options] = process.argv.slice(2);
const ROUNDS = options.includes('--quick') ? 5 : 61;
/**
 * The most that a function may have before its first request: memory in MB, where the goal is 7.5, and the time of a hello
 * world as a factor.
 */
const BUDGET = { rss: 9.5, ratio: 1.3 };
/** A program that asks for nothing in this time has failed. */
const PATIENCE = 60_000;

const bundle = join(root, 'target/bench/coldstart/sender.cjs');
execFileSync(
  join(root, 'validator-wasm/node_modules/.bin/esbuild'),
  [
    join(here, 'peers/sender.mjs'),
    '--bundle',
    '--platform=node',
    '--minify',
    `--outfile=${bundle}`,
    '--log-level=error',
  ],
  { stdio: 'inherit' },
);
const modules = join(here, 'peers/node_modules');
const packages = execFileSync(python, ['-c', 'import sysconfig; print(sysconfig.get_paths()["purelib"])'], {
  encoding: 'utf8',
}).trim();
const BOTO = ['boto3', 'botocore', 's3transfer', 'urllib3', 'jmespath', 'dateutil'].map((name) => join(packages, name));
const node = process.execPath;

/** The contestants: name, command, handler, and the bytes of code that are deployed. */
const ALL = [
  { name: 'hello world, Rust', command: [hello], size: bytes(hello) },
  ...['settings', 'router', 'sender', 'monitor'].map((handler) => ({
    name: `Ownpost ${handler}`,
    command: [bootstrap],
    handler,
    size: bytes(bootstrap),
    ours: true,
  })),
  { name: 'Node, one bundle', command: [node, bundle], size: bytes(bundle) },
  { name: 'Node, packages', command: [node, join(here, 'peers/sender.mjs')], size: bytes(modules) },
  {
    name: 'Python',
    command: [python, join(here, 'peers/sender.py')],
    size: BOTO.reduce((sum, it) => sum + bytes(it), 0),
  },
].map((contestant) => ({ ...contestant, rounds: [] }));

for (let round = 0; round < ROUNDS; round += 1)
  for (const contestant of ALL) {
    // Twice, and the second counts: what comes behind Python finds the processor's caches full of it.
    await start(contestant);
    contestant.rounds.push(await start(contestant));
  }
write();

/** Starts the program; returns milliseconds to its first request, processor time until then, and its memory in MB. */
async function start({ command: [program, ...args], handler = 'handler' }) {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const asked = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`${program} ${handler} asks for no invocation`)), PATIENCE).unref();
    server.once('connection', (socket) => socket.once('data', (data) => resolve([performance.now(), data, socket])));
  });
  const began = performance.now();
  const child = spawn(program, args, {
    env: environment(server.address().port, handler),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(child, 'exit').then(([status]) => {
    throw new Error(`${program} ${handler} ended with ${status} before it asked for an invocation`);
  });
  let at;
  let data;
  let socket;
  try {
    [at, data, socket] = await Promise.race([asked, ended]);
    if (!/^GET \/2018-06-01\/runtime\/invocation\/next /.test(data)) throw new Error(`it asks ${data}`);
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    const threads = readdirSync(`/proc/${child.pid}/task`).map((task) =>
      Number(readFileSync(`/proc/${child.pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]),
    );
    return {
      ms: at - began,
      cpu: threads.reduce((sum, ns) => sum + ns, 0) / 1e6,
      rss: Number(status.match(/VmHWM:\s+(\d+)/)[1]) / 1024,
      own: Number(status.match(/RssAnon:\s+(\d+)/)[1]) / 1024,
    };
  } finally {
    child.kill('SIGKILL');
    await ended.catch(() => {});
    // After its end, so that it does not complain.
    socket?.destroy();
    server.close();
  }
}

/** What Lambda sets, and the template's variables. */
function environment(port, handler) {
  return {
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
    AWS_LAMBDA_FUNCTION_NAME: 'bench',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_REGION: 'us-east-1',
    AWS_DEFAULT_REGION: 'us-east-1',
    // Of a Node that the SDK will soon not support: printing it would be measured too.
    NODE_NO_WARNINGS: '1',
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
    OWNPOST_TABLE: 'bench',
    OWNPOST_QUEUE_URL: 'https://sqs.us-east-1.amazonaws.com/1/bench',
    OWNPOST_EVENT_BUS: 'bench',
    OWNPOST_PLATFORM_SECRET: 'bench',
    _HANDLER: handler,
  };
}

/** The bytes of a file, or of all files below a folder. */
function bytes(path) {
  const found = statSync(path);
  if (!found.isDirectory()) return found.size;
  return readdirSync(path).reduce((sum, name) => (name === '__pycache__' ? sum : sum + bytes(join(path, name))), 0);
}

function quantile(values, share) {
  return values.toSorted((one, other) => one - other)[Math.floor((values.length - 1) * share)];
}

function write() {
  const base = ALL[0].rounds;
  const rows = ALL.map(({ name, rounds, size, ours }) => {
    const of = (member) => rounds.map((round) => round[member]);
    const ratio = (member) =>
      quantile(
        rounds.map((round, at) => round[member] / base[at][member]),
        0.5,
      );
    return {
      name,
      ours,
      size,
      ms: quantile(of('ms'), 0.5),
      slow: quantile(of('ms'), 0.9),
      ratio: ratio('ms'),
      cpu: quantile(of('cpu'), 0.5),
      cpuRatio: ratio('cpu'),
      rss: quantile(of('rss'), 0.5),
      own: quantile(of('own'), 0.5),
    };
  });
  const load = loadavg()[0];
  const busy = load > availableParallelism() / 2;
  const short = (value) => (value < 10 ? value.toFixed(2) : value.toFixed(0));
  const line = ({ name, ms, slow, ratio, cpu, cpuRatio, rss, own, size }) =>
    `| ${name} | ${short(ms)} ms | ${short(slow)} ms | ${short(ratio)} | ${short(cpu)} ms | ${short(cpuRatio)} | ${rss.toFixed(1)} MB | ${own.toFixed(1)} MB | ${(size / 1e6).toFixed(1)} MB |`;
  const machine = `${availableParallelism()} cores ${cpus()[0].model.trim()}, ${process.arch}`;
  const page = `# Cold start

Written by \`cargo xtask bench coldstart\` on ${new Date().toISOString().slice(0, 10)}, ${machine}; Node ${process.versions.node}, ${execFileSync(python, ['--version'], { encoding: 'utf8' }).trim()}. Medians of ${ROUNDS} rounds in which everybody has a turn, of two starts the second; ratios are of one round. From the start of the process to its first request for an invocation, with its processor time and its memory then.

The load of the machine was ${load.toFixed(1)} at the end${busy ? ': it was busy, so read the processor time, which waiting for a core does not lengthen, before the time that passed' : ''}.

| | to the first request | slowest tenth | × hello | processor | × hello | memory | of it its own | code |
|---|--:|--:|--:|--:|--:|--:|--:|--:|
${rows.map(line).join('\n')}

![Milliseconds and memory, logarithmic](coldstart.svg)

Node and Python do what the function does before its first request: load an SMTP client and the clients of Secrets Manager, DynamoDB, SQS and EventBridge, and make them. They ask by their own HTTP client; the runtime that AWS puts around them on Lambda comes on top. Lambda's own part (a sandbox, the download of the code) is not in any row. The rest of a program's memory is pages of its file and of libraries, which the system maps in runs of 16 around each that is read. The hello world is \`sender-lambda/examples/hello.rs\` on the same runtime crate, with the profile of the artefact.
`;
  const bars = (member) => rows.map(({ name, ours = false, ...row }) => ({ name, value: row[member], ours }));
  const groups = [
    { heading: 'To the first request', unit: (value) => `${short(value)} ms`, bars: bars('ms') },
    { heading: 'Processor time until then', unit: (value) => `${short(value)} ms`, bars: bars('cpu') },
    { heading: 'Memory then', unit: (value) => `${value.toFixed(1)} MB`, bars: bars('rss') },
  ];
  writeFileSync(join(root, 'docs/figures/coldstart.md'), page);
  writeFileSync(join(root, 'docs/figures/coldstart.svg'), chart(groups, 'Cold start of each function and its peers'));
  console.log(page);
  // Time says nothing on a busy machine, where waiting for a core is most of it.
  const over = rows.filter(({ ours, rss, ratio }) => ours && (rss > BUDGET.rss || (!busy && ratio > BUDGET.ratio)));
  if (over.length === 0) return;
  const names = over.map(({ name }) => name).join(', ');
  console.error(`over the budget of ${BUDGET.rss} MB or ${BUDGET.ratio} times the hello world: ${names}`);
  process.exitCode = 1;
}
