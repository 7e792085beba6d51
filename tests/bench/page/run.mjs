// Measures what a page with the form loads until the status is seen, now and in an earlier commit:
// `cargo xtask bench page [--quick]`.

import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { ACTIVE } from '../../browser/form-samples.mjs';
import { launch, newPage } from '../../harness/browser.mjs';
import { listening } from '../../harness/wait.mjs';

const ROUNDS = process.argv.includes('--quick') ? 3 : 11;
const [before] = process.argv.slice(process.argv.indexOf('--before') + 1);
const PACKAGES = {
  before: join(before, 'validator-wasm/dist/'),
  now: fileURLToPath(new URL('../../../validator-wasm/dist/', import.meta.url)),
};

/** The round trip in milliseconds and the bits a second, as WebPageTest's profiles have them. */
const NETWORKS = {
  'slow 3G': { latency: 400, bits: 400_000 },
  '4G': { latency: 170, bits: 9_000_000 },
};

const TYPES = { js: 'text/javascript', wasm: 'application/wasm', html: 'text/html', json: 'application/json' };
const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Mail settings</title>
<script>const seen = () => {
  const root = document.querySelector('smtp-settings-form')?.shadowRoot;
  if (root?.querySelector('.status')) window.seenAt = performance.now();
  else requestAnimationFrame(seen);
};
requestAnimationFrame(seen);</script>
<script type="module">document.querySelector('smtp-settings-form').getToken = async () => 'token';
await import('/package/form/index.js');</script>
<smtp-settings-form api="/api"></smtp-settings-form></html>`;

/** A server that compresses, with the package of a folder. */
async function serve(folder) {
  const packed = new Map();
  const body = (path) => {
    if (path === '/') return PAGE;
    if (path === '/api/smtp') return JSON.stringify(ACTIVE);
    return path.startsWith('/package/') ? readFileSync(join(folder, normalize(path.slice('/package/'.length)))) : null;
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://127.0.0.1');
    if (!packed.has(pathname)) {
      const found = body(pathname);
      packed.set(pathname, found && gzipSync(found, { level: 9 }));
    }
    const answer = packed.get(pathname);
    if (!answer) return response.writeHead(204).end();
    const type = pathname === '/' ? 'html' : pathname === '/api/smtp' ? 'json' : pathname.split('.').at(-1);
    response.writeHead(200, {
      'Content-Type': TYPES[type],
      'Content-Encoding': 'gzip',
      'Content-Length': answer.length,
      'Cache-Control': 'no-store',
    });
    response.end(answer);
  });
  return { origin: `http://127.0.0.1:${await listening(server)}`, close: () => server.close() };
}

/** One visit: when the status was seen, and the requests that began before, without the page itself. */
async function visit(browser, origin, { latency, bits }) {
  const page = await newPage(browser);
  try {
    const session = await page.context().newCDPSession(page);
    const throughput = { downloadThroughput: bits / 8, uploadThroughput: bits / 8 };
    await session.send('Network.emulateNetworkConditions', { offline: false, latency, ...throughput });
    await page.goto(`${origin}/`, { waitUntil: 'commit' });
    await page.waitForFunction(() => window.seenAt !== undefined, undefined, { timeout: 60_000 });
    return await page.evaluate(() => ({
      seen: window.seenAt,
      requests: performance
        .getEntriesByType('resource')
        .filter(({ startTime, name }) => startTime < window.seenAt && !name.endsWith('/favicon.ico'))
        .map(({ name, startTime, responseEnd, encodedBodySize }) => ({
          name: new URL(name).pathname.replace('/package/', ''),
          begin: startTime,
          end: responseEnd || window.seenAt,
          bytes: encodedBodySize,
        })),
    }));
  } finally {
    await page.context().close();
  }
}

const median = (list) => list.toSorted((one, other) => one - other)[list.length >> 1];
const ms = (number) => `${number.toFixed(0)} ms`;
const browser = await launch();
const version = browser.version();
const servers = {};
for (const [name, folder] of Object.entries(PACKAGES)) servers[name] = await serve(folder);
const names = Object.keys(PACKAGES);
const visits = Object.fromEntries(
  Object.keys(NETWORKS).map((network) => [network, Object.fromEntries(names.map((name) => [name, []]))]),
);
try {
  for (let round = 0; round < ROUNDS; round += 1)
    for (const [network, conditions] of Object.entries(NETWORKS))
      for (const [name, { origin }] of Object.entries(servers))
        visits[network][name].push(await visit(browser, origin, conditions));
} finally {
  await browser.close();
  for (const { close } of Object.values(servers)) close();
}

/** The visit whose time is the median. */
const middle = (list) => list.find(({ seen }) => seen === median(list.map(({ seen: other }) => other)));
const sum = ({ requests }) => requests.reduce((all, { bytes }) => all + bytes, 0);

function waterfall({ seen, requests }) {
  const WIDTH = 40;
  const at = (time) => Math.min(WIDTH, Math.round((time / seen) * WIDTH));
  const length = Math.max(...requests.map(({ name }) => name.length));
  return requests
    .toSorted((one, other) => one.begin - other.begin)
    .map(({ name, begin, end, bytes }) => {
      const bar = `${' '.repeat(at(begin))}${'█'.repeat(Math.max(1, at(end) - at(begin)))}`.padEnd(WIDTH + 1);
      return `${name.padEnd(length)} |${bar}| ${String(bytes).padStart(6)} bytes, ${ms(begin)} to ${ms(end)}`;
    })
    .join('\n');
}

const rows = Object.entries(visits).map(([network, { before, now }]) => {
  const [was, is] = [before, now].map((list) => median(list.map(({ seen }) => seen)));
  return `| ${network} | ${ms(was)} | ${ms(is)} | ${(is / was).toFixed(2)} |`;
});
const [was, is] = ['before', 'now'].map((name) => middle(visits['slow 3G'][name]));
const networks = Object.entries(NETWORKS).map(
  ([name, { latency, bits }]) => `${name} has ${latency} ms a round trip and ${bits / 1000} kbit/s`,
);
const text = `# The page with the form

\`cargo xtask bench page\` has written this page. It measures the npm package in a page of its own, from the navigation until the
status is seen, beside the first commit that was measured (7129f9d, where each module was a request). Both take turns in
each of ${ROUNDS} rounds; times are medians, in Chromium ${version}, without a cache; ${networks.join('; ')}.

| | before | now |
|---|--:|--:|
| requests, the API's answer included | ${was.requests.length} | ${is.requests.length} |
| bytes after gzip, the API's answer included | ${sum(was)} | ${sum(is)} |

| time until the status is seen | before | now | now ÷ before |
|---|--:|--:|--:|
${rows.join('\n')}

## Slow 3G, now

\`\`\`text
${waterfall(is)}
\`\`\`

## Slow 3G, before

\`\`\`text
${waterfall(was)}
\`\`\`
`;
writeFileSync(new URL('../../../docs/figures/page.md', import.meta.url), text);
console.log(text);
