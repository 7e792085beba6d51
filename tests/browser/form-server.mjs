// A page with the form and a scripted API: each test sets the API's answers and reads the requests. The page has the
// strict Content-Security-Policy under which the form must work.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIST = fileURLToPath(new URL('../../validator-wasm/dist/', import.meta.url));
const TYPES = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
};
export const CSP =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'";

const page = ({ locale, dir }) => `<!doctype html>
<html lang="${locale}" dir="${dir}">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Mail settings</title>
<link rel="stylesheet" href="/page.css"><script type="module" src="/page.js"></script>
<main><h1>Settings</h1><h2>Mail server</h2><form id="outer"><smtp-settings-form name="smtp" api="/api" locale="${locale}"></smtp-settings-form></form></main></html>`;

const deliveries = ({ locale, dir, more }) => `<!doctype html>
<html lang="${locale}" dir="${dir}">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Mail</title>
<link rel="stylesheet" href="/page.css"><script type="module" src="/deliveries.js"></script>
<main><h1>Settings</h1><h2>Mail</h2><smtp-deliveries api="/api" locale="${locale}" ${more}></smtp-deliveries></main></html>`;

const STYLE = `:root { color-scheme: light dark; font: 15px/1.5 Inter, system-ui, sans-serif; background: light-dark(#fbfbfd, #0e1118); color: light-dark(#1a2130, #e8ebf2); }
body { margin: 0; } main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; } h1, h2 { margin: 0; line-height: 1.3; } h1 { font-size: .95rem; font-weight: 500; opacity: .75; } h2 { font-size: 1.5rem; letter-spacing: -.015em; margin-bottom: 1.25rem; }`;

const SCRIPT = `const form = document.querySelector('smtp-settings-form');
form.getToken = async () => 'token-of-acme';
form.options = { allowNetworks: ['127.0.0.0/8'], allowPorts: [2525] };
window.heard = [];
for (const name of ['smtp-change', 'smtp-tested', 'smtp-activated', 'smtp-unauthorized']) form.addEventListener(name, ({ detail }) => window.heard.push([name, detail]));
window.blocked = [];
document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => window.blocked.push(violatedDirective + ' ' + blockedURI));
await import('/validator/form/index.js');`;

const DELIVERIES = `const list = document.querySelector('smtp-deliveries');
list.getToken = async () => 'token-of-acme';
window.heard = [];
for (const name of ['smtp-unauthorized', 'smtp-deliveries-change']) list.addEventListener(name, () => window.heard.push(name));
window.blocked = [];
document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => window.blocked.push(violatedDirective + ' ' + blockedURI));
await import('/validator/deliveries/index.js');`;

const MODULE = `window.blocked = [];
document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => window.blocked.push(violatedDirective + ' ' + blockedURI));
window.validator = await import('/validator/index.js');`;

/** The answers of a tenant without settings. */
const UNSCRIPTED = { 'GET /smtp': { json: { status: 'platform', previous: false } } };

/**
 * Starts the server on a port of the system's choice.
 * @returns {Promise<{origin: string, script: object, calls: object[], lost: Set<string>, close: () => Promise<void>}>} `script` maps
 *   `METHOD /path` to an answer `{status, json, headers}`, or to `{lines: [...]}` for a stream: the server waits for
 *   its promises and sends its strings unchanged. `drop` breaks the connection, `wait` delays the answer. `calls` are
 *   the received requests, `lost` the paths of files whose connection breaks.
 */
export async function start({ csp = CSP } = {}) {
  const script = {};
  const calls = [];
  const lost = new Set();
  const server = createServer((request, response) => {
    answer(request, response).catch((error) =>
      response.headersSent ? response.destroy() : response.writeHead(500).end(String(error)),
    );
  });
  async function answer(request, response) {
    const url = new URL(request.url, 'http://127.0.0.1');
    const send = (type, body) =>
      response
        .writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store', 'Content-Security-Policy': csp })
        .end(body);
    if (url.pathname === '/')
      return send(
        'text/html',
        page({ locale: url.searchParams.get('locale') ?? 'en', dir: url.searchParams.get('dir') ?? 'ltr' }),
      );
    if (url.pathname === '/deliveries') {
      const [locale, dir, more] = ['locale', 'dir', 'more'].map((name) => url.searchParams.get(name));
      return send('text/html', deliveries({ locale: locale ?? 'en', dir: dir ?? 'ltr', more: more ?? '' }));
    }
    if (url.pathname === '/deliveries.js') return send('text/javascript', DELIVERIES);
    if (url.pathname === '/module')
      return send(
        'text/html',
        '<!doctype html><html lang="en"><title>Module</title><script type="module" src="/module.js"></script></html>',
      );
    if (url.pathname === '/module.js') return send('text/javascript', MODULE);
    if (url.pathname === '/page.css') return send('text/css', STYLE);
    if (url.pathname === '/page.js') return send('text/javascript', SCRIPT);
    if (url.pathname === '/favicon.ico') return response.writeHead(204).end();
    if (lost.has(url.pathname)) return response.destroy();
    if (url.pathname.startsWith('/validator/')) {
      const file = join(DIST, normalize(url.pathname.slice('/validator'.length)));
      return send(TYPES[extname(file)] ?? 'application/octet-stream', await readFile(file));
    }
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const key = `${request.method} ${url.pathname.replace(/^\/api/, '')}`;
    const query = Object.fromEntries(url.searchParams);
    calls.push({ key, query, headers: request.headers, body: text === '' ? null : JSON.parse(text) });
    const scripted = typeof script[key] === 'function' ? script[key](calls.at(-1)) : script[key];
    const {
      status = 200,
      json,
      lines,
      drop = false,
      wait,
      headers = {},
    } = scripted ?? UNSCRIPTED[key] ?? { status: 404, json: { code: 'not_found', status: 404, title: 'Not found' } };
    await wait;
    if (lines) {
      response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
      for (const line of lines) {
        const value = await line;
        if (value) response.write(typeof value === 'string' ? value : `${JSON.stringify(value)}\n`);
      }
    }
    if (drop) return response.destroy();
    if (lines) return response.end();
    response.writeHead(status, {
      'Content-Type': status < 400 || json?.report || json?.issues ? 'application/json' : 'application/problem+json',
      ...headers,
    });
    response.end(json === undefined ? '' : JSON.stringify(json));
  }
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    script,
    calls,
    lost,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}
