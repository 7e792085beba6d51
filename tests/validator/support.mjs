// Shared by the suites of the npm package: the built package, the vectors, and the server's reports.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const dist = new URL('../../validator-wasm/dist/', import.meta.url);
export const validator = await import(new URL('index.js', dist));

const file = JSON.parse(readFileSync(new URL('../vectors/settings.json', import.meta.url), 'utf8'));

/** `{settings, options, expect}` for each vector. */
export const vectors = file.vectors.map(({ settings, with: changes, options, expect }) => ({
  settings: settings === undefined ? { ...file.base, ...changes } : settings,
  options: options ?? {},
  expect,
}));

export const base = file.base;

/** The tags of all locales. */
export const locales = readdirSync(new URL('../../validator-wasm/locales/', import.meta.url));

/** Codes in a report that the browser cannot know (docs/reference/settings.md). */
export const serverOnly =
  /"((password|oauth2)\.reentry_required|caPem\.(expired|not_yet_valid|not_a_ca)|\w+\.idn_refused|settings\.not_json)"/;

const list = (value) => (Array.isArray(value) ? value.join() : (value ?? ''));

/** The server's report on each `{document, options}` as JSON text; the document is JSON text too. */
export function serverReports(requests) {
  const input = requests.map(({ document, options = {} }) =>
    JSON.stringify({
      document,
      locale: options.locale ?? 'en',
      allowPorts: list(options.allowPorts),
      allowNetworks: list(options.allowNetworks),
    }),
  );
  return reports([], `${input.join('\n')}\n`);
}

/** The server's EventReport on each event, given as JSON text, as JSON text. */
export const serverEventReports = (events) =>
  reports([], `${events.map((event) => JSON.stringify({ event })).join('\n')}\n`);

/** `{name, document, report}` for each vector of the outside corpora: the server's report on it, in English. */
export const corporaReports = () => reports(['corpora'], '').map((line) => JSON.parse(line));

function reports(args, input) {
  const command = ['run', '--quiet', '--package', 'ownpost-tests', '--bin', 'reports', '--', ...args];
  const server = spawnSync('cargo', command, {
    cwd: root,
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (server.status !== 0) throw new Error(`cargo ${command.join(' ')} ended with ${server.status}`);
  return server.stdout.trimEnd().split('\n');
}
