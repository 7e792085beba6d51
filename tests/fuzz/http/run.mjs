// Fuzzes the HTTP API of a running `ownpost local`: bodies, events, settings, queries and raw requests.
//
//   node tests/fuzz/http/run.mjs --seconds 1800 [--seed 7] [--folder target/fuzz/http]
//
// What must hold is asserted for every answer (`check` in `oracle.mjs`), and at the end for the ledger: the server runs
// as long as the run, ends well, and after another start every event that it accepted is there; no mail arrived twice.
// Inputs that lead to an answer of a new kind are changed further. A find is written into FOLDER and fails the run.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Mutator, seeded, text } from './mutate.mjs';
import { check, checkLedger, peakMemory } from './oracle.mjs';
import { exchange, Local } from './server.mjs';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string', default: '1' },
    folder: { type: 'string', default: join(import.meta.dirname, '../../../target/fuzz/http') },
  },
});
const [seconds, seed] = [Number(options.seconds), Number(options.seed)];

/** Requests at a time. */
const CLIENTS = 16;
/** Tenants, so that the limit on the tests of one does not end all tests of the run. */
const TENANTS = 40;
/** Inputs kept for each kind of request, the newest. */
const POOL = 400;
/** The largest input that is kept, in characters. */
const LARGEST_KEPT = 20_000;
/** Events whose rows are looked for at the end, at most. */
const REMEMBERED = 20_000;

const CALLS = [
  'GET /api/smtp',
  'GET /api/smtp/history',
  'POST /api/smtp/validate',
  'POST /api/smtp/test',
  'PUT /api/smtp',
  'POST /api/smtp/rollback',
  'DELETE /api/smtp',
  'POST /api/smtp/oauth/start',
  'GET /api/smtp/oauth/callback',
  'GET /api/deliveries',
  'DELETE /api/deliveries',
  'POST /api/deliveries/resend',
  'GET /api/deliveries/dlv_1',
  'POST /api/deliveries/dlv_1/cancel',
  'POST /api/deliveries/dlv_1/resend',
  'POST /api/held/release',
  'POST /dev/token',
  'GET /dev/mail',
  'GET /dev/mail/1',
  'GET /dev/relays',
  'GET /',
  'GET /page/page.js',
];

const vectors = (name) => JSON.parse(readFileSync(join(import.meta.dirname, `../../vectors/${name}.json`), 'utf8'));
const documents = (file, key) =>
  file.vectors.map((vector) => (vector.with ? { ...file.base, ...vector.with } : vector[key])).filter(Boolean);

const random = seeded(seed);
const mutator = new Mutator(random);
const local = await Local.start(options.folder);
const relay = local.customer;
/** Settings of the embedded relay, with its real password: it must not come back. */
const settings = {
  host: relay.host,
  port: relay.ports.starttls,
  security: 'starttls',
  username: relay.username,
  password: { set: relay.password },
  senderAddress: relay.senderAddress,
  caPem: relay.caPem,
};
const pools = {
  event: [vectors('events').base, ...documents(vectors('events'), 'event')],
  settings: [settings, ...documents(vectors('settings'), 'settings')],
  query: [
    '',
    'limit=5',
    'status=held',
    'after=dlv_1',
    'since=2026-01-01T00:00:00Z',
    'event=evt_1',
    'recipient=a%40b.c',
  ],
};
const tenants = await Promise.all(Array.from({ length: TENANTS }, (_, number) => local.tenant(`fuzz-${number}`)));

let count = 0;
const kinds = new Map();
const accepted = [];
const finds = [];

/** A document to begin with: every other time the first, which is right. */
const begin = (pool) => (mutator.oneIn(2) ? pool[0] : mutator.one(pool));

/** Keeps an input that led to an answer of a new kind, unless it has grown large. */
function keep(pool, input) {
  if (text(input).length > LARGEST_KEPT) return;
  pool.push(input);
  if (pool.length > POOL) pool.splice(1, 1);
}

/** The next request: its bytes, a name for its kind, and a way to keep its input. */
function next() {
  const tenant = mutator.one(tenants);
  const id = `evt_${count}`;
  const head = (line, more = {}) => ({ line, headers: { ...local.headers, ...tenant.headers, ...more } });
  switch (mutator.below(10)) {
    case 0:
    case 1:
    case 2: {
      const event = mutator.document({ ...begin(pools.event), id, tenant: tenant.name }, ['id', 'tenant']);
      return { ...head('POST /api/events'), body: text(event), keep: () => keep(pools.event, event) };
    }
    case 3: {
      const many = Array.from({ length: 1 + mutator.below(20) }, (_, number) => {
        const event = { ...begin(pools.event), id: `${id}_${number}`, tenant: tenant.name };
        return mutator.oneIn(2) ? event : mutator.document(event, ['id']);
      });
      return { ...head('POST /api/events'), body: text(many), keep: () => {} };
    }
    case 4: {
      const whole = Buffer.from(text({ ...begin(pools.event), id, tenant: tenant.name }));
      return { ...head('POST /api/events'), body: mutator.bytes(whole), keep: () => {} };
    }
    case 5:
    case 6: {
      const call = mutator.one([
        'POST /api/smtp/validate',
        'POST /api/smtp/validate',
        'POST /api/smtp/test',
        'PUT /api/smtp',
      ]);
      // A secret stays where it is: in another member it would be shown with right.
      const draft = mutator.document(begin(pools.settings), ['password', 'oauth2']);
      const streamed = mutator.oneIn(4) ? { accept: 'application/x-ndjson' } : {};
      return { ...head(call, streamed), body: text(draft), keep: () => keep(pools.settings, draft) };
    }
    case 7: {
      const query = mutator.textOf(mutator.one(pools.query));
      const known = accepted.length > 0 ? mutator.one(accepted).id : 'dlv_1';
      const line = mutator
        .one(CALLS)
        .replace('dlv_1', mutator.oneIn(2) ? known : encodeURIComponent(mutator.textOf(known)));
      // Of other characters in a request line, hyper makes an empty 400.
      const target = mutator.oneIn(2) ? encodeURI(query.toWellFormed()) : query.replace(/[^\w%.&=+:-]/g, '%');
      const some = () => text(mutator.document({ ids: [known], status: 'failed', since: null, email: 'a@b.c' }));
      return {
        ...head(`${line}?${target}`),
        body: line.startsWith('GET') ? '' : some(),
        keep: () => keep(pools.query, query),
      };
    }
    case 8:
      return {
        ...head(
          `${mutator.one(['PATCH', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'])} ${mutator.one(CALLS).split(' ')[1]}`,
        ),
        body: '',
        keep: () => {},
      };
    default: {
      const call = head(mutator.one(CALLS));
      const lines = Object.entries(call.headers).map(([name, value]) => `${name}: ${value}\r\n`);
      const body = text(mutator.one(pools.event));
      const whole = `${call.line} HTTP/1.1\r\n${lines.join('')}Content-Length: ${body.length}\r\n\r\n${body}`;
      return { line: 'raw', raw: mutator.bytes(Buffer.from(whole, 'latin1')), keep: () => {} };
    }
  }
}

async function client(end) {
  while (Date.now() < end && finds.length === 0) {
    count++;
    const request = next();
    const number = count;
    let answer = await exchange(local.port, request);
    // On a full machine either side may come too late; a fault comes again.
    if (!request.raw && (answer.late || answer.status === 0)) answer = await exchange(local.port, request);
    const problem = local.problem() ?? check(request, answer, [relay.password, local.platform.password]);
    if (problem) {
      finds.push(problem);
      const file = join(options.folder, `found-${seed}-${number}.txt`);
      writeFileSync(file, Buffer.concat([Buffer.from(`${problem}\n`), answer.sent, Buffer.from('\n\n'), answer.bytes]));
      console.error(`found: ${problem}: ${file}`);
      return;
    }
    const kind = `${request.line.split('?')[0].replace(/dlv_[^/]*|%[^/]*/, '{id}')} ${answer.kind}`;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    if (kinds.get(kind) === 1) request.keep();
    if (answer.status === 202 && request.line === 'POST /api/events') remember(request, answer);
  }
}

function remember(request, answer) {
  for (const { deliveries } of answer.json.accepted) {
    for (const id of deliveries) {
      if (accepted.length < REMEMBERED) accepted.push({ id, authorization: request.headers.authorization });
      else accepted[mutator.below(REMEMBERED)] = { id, authorization: request.headers.authorization };
    }
  }
}

function figures() {
  const statuses = {};
  for (const [kind, times] of kinds) {
    const status = kind.split(' ').at(-2);
    statuses[status] = (statuses[status] ?? 0) + times;
  }
  const seen = `${count} requests, ${kinds.size} kinds of answers, ${accepted.length} events remembered`;
  return `${seen}, peak ${peakMemory(local.pid)} MiB, ${JSON.stringify(statuses)}`;
}

mkdirSync(options.folder, { recursive: true });
const began = Date.now();
const report = setInterval(() => console.log(`${Math.round((Date.now() - began) / 1000)} s: ${figures()}`), 60_000);
await Promise.all(Array.from({ length: CLIENTS }, () => client(began + seconds * 1000)));
clearInterval(report);
console.log(`${Math.round((Date.now() - began) / 1000)} s: ${figures()}`);
writeFileSync(
  join(options.folder, 'kinds.txt'),
  [...kinds]
    .map(([kind, times]) => `${times}\t${kind}\n`)
    .sort()
    .join(''),
);
if (finds.length === 0) {
  const problem = await checkLedger(local, accepted);
  if (problem) finds.push(problem);
}
await local.end();
console.log(finds.length === 0 ? 'nothing found' : `found: ${finds.join('; ')}`);
process.exit(finds.length === 0 ? 0 : 1);
