// Shared by the packaging tests: the package as npm packs it, new projects that install it, and a server.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { createServer, request as ask } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const here = import.meta.dirname;
export const root = fileURLToPath(new URL('../../', import.meta.url));
export const run = promisify(execFile);

const work = await mkdtemp(join(tmpdir(), 'ownpost-packaging-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

let packed;
/** The path of the tarball that would be published. */
export function tarball() {
  packed ??= run('npm', ['pack', '--silent', '--pack-destination', work], {
    cwd: join(root, 'validator-wasm/dist'),
  }).then(({ stdout }) => join(work, stdout.trim()));
  return packed;
}

/** The expected message about the host `smtp.gmial.com` in Dutch. */
export const DUTCH = JSON.parse(await readFile(join(root, 'validator-wasm/locales/nl/issues.json'), 'utf8'))[
  'host.typo'
].replace('{suggestion}', 'smtp.gmail.com');

let count = 0;
/** An empty folder, deleted after the tests. */
export async function folder() {
  const path = join(work, String(++count));
  await mkdir(path);
  return path;
}

/**
 * A new project with `files` by their paths, or with the files of the folder `from`. Ownpost's package is installed
 * from the tarball, as a user installs it; the packages in `uses` are taken from those installed here. Those installed in the
 * folder `copied` are copied with all that they need, for a tool that reads nothing outside its project.
 */
export async function project({ files = {}, from, uses = [], copied }) {
  const path = await folder();
  if (from) await cp(from, path, { recursive: true });
  await write(path, { 'package.json': '{ "private": true, "type": "module" }', ...(from ? {} : files) });
  await run(
    'npm',
    ['install', '--offline', '--ignore-scripts', '--no-save', '--no-audit', '--no-fund', await tarball()],
    { cwd: path },
  );
  for (const name of uses) {
    const link = join(path, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(here, 'node_modules', name), link);
  }
  if (copied) {
    const [from, to] = [join(copied, 'node_modules'), join(path, 'node_modules')];
    // Links to the same files where the file system has them; a copy of hundreds of megabytes takes its time.
    await run('cp', ['-alf', `${from}/.`, to]).catch(() => cp(from, to, { recursive: true, verbatimSymlinks: true }));
  }
  return path;
}

async function write(path, files) {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), text);
  }
}

/** Unpacks the package without npm into a folder, as a CDN serves it. */
export async function unpacked(path) {
  await run('tar', ['-xzf', await tarball(), '-C', path]);
  return join(path, 'package');
}

/** All files below a folder, by their paths in it. */
export async function filesIn(path) {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort();
}

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
};

/** Answers as the API does for a tenant without settings. */
export const noSettings = (_request, response) =>
  response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"status":"platform","previous":false}');

/**
 * Serves a folder on a port of the system's choice. `api` is the address of an `ownpost local` that answers /api and
 * /dev; without one they answer as the API does for a tenant without settings.
 */
export async function serve(path, { api, headers = {} } = {}) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://127.0.0.1');
    if (/^\/(api|dev)\//.test(pathname)) {
      if (!api) return noSettings(request, response);
      // The API refuses requests from pages of another origin.
      const headers = { ...request.headers, host: new URL(api).host, origin: api };
      const forward = ask(api + request.url, { method: request.method, headers }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      forward.on('error', () => response.destroy());
      return request.pipe(forward);
    }
    if (pathname === '/favicon.ico') return response.writeHead(204).end();
    const file = join(path, normalize(pathname.endsWith('/') ? `${pathname}index.html` : pathname));
    if (!existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, {
      'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
      'Cache-Control': 'no-store',
      ...headers,
    });
    response.end(await readFile(file));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    close: () =>
      new Promise((closed) => {
        server.close(closed);
        server.closeAllConnections();
      }),
  };
}
