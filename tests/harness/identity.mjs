// `ownpost local` beside a real OpenID Connect provider that rotates refresh tokens (oidc-provider), and a real SMTP server
// that takes its access tokens alone (smtp-server, XOAUTH2).
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Provider from 'oidc-provider';
import { SMTPServer } from 'smtp-server';
import { authority } from './certificates.mjs';
import { startLocal } from './ownpost.mjs';

/** The mailbox of everybody who signs in, and the secret of the operator's application. */
export const MAILBOX = 'noreply@acme.test';
export const SECRET = 'secret-of-the-application';

const listening = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));

/** Lets the lease of a process that was killed pass: the lock of its tokens. */
const PASS = `import sqlite3, sys
store = sqlite3.connect(sys.argv[1])
store.execute("DELETE FROM state WHERE key = 'oauth-lock'")
store.commit()`;

/**
 * Starts all three. `mails` are those that the SMTP server has taken, `refreshTokens` all that the provider has given,
 * `port` is the SMTP server's, `ca` the authority's certificate.
 */
export async function startIdentity() {
  const folder = mkdtempSync(join(tmpdir(), 'ownpost-connect-'));
  const mails = [];
  const refreshTokens = new Set();
  let provider;
  const ca = authority(folder);
  const leaf = ca.issue('leaf', ['IP:127.0.0.1']);
  const tls = { key: readFileSync(leaf.key), cert: readFileSync(leaf.cert) };
  // The steps of a rotation at which `ownpost local` can be killed.
  const steps = { asked: null, answering: null, signingIn: null };
  const step = async (name) => {
    const dies = steps[name];
    steps[name] = null;
    await dies?.();
    return dies !== null;
  };
  const id = createServer(tls, async (request, response) => {
    if (request.url === '/token') {
      if (await step('asked')) return request.socket.destroy();
      const end = response.end.bind(response);
      response.end = (...answer) => {
        step('answering').then(() => end(...answer));
        return response;
      };
    }
    provider.callback()(request, response);
  });
  const idPort = await listening(id);
  const issuer = `https://127.0.0.1:${idPort}`;
  const smtp = new SMTPServer({
    ...tls,
    secure: true,
    authMethods: ['XOAUTH2'],
    async onAuth({ username, accessToken }, _session, done) {
      await step('signingIn');
      const known = await provider.AccessToken.find(accessToken ?? '');
      if (username === MAILBOX && known) return done(null, { user: username });
      done(null, { data: { status: '401', schemes: 'bearer' } });
    },
    onData(stream, session, done) {
      let text = '';
      stream.on('data', (bytes) => (text += bytes));
      stream.on('end', () => done(null, `taken ${mails.push({ text, from: session.envelope.mailFrom.address })}`));
    },
  });
  smtp.on('error', () => {});
  const port = await listening(smtp.server);
  const application = { clientId: 'app', clientSecret: SECRET, name: 'Acme ID' };
  const endpoints = {
    authorizeUrl: `${issuer}/auth`,
    tokenUrl: `${issuer}/token`,
    scope: 'openid email offline_access',
  };
  const env = {
    OWNPOST_OAUTH_PROVIDERS: JSON.stringify({ acme: { ...application, ...endpoints } }),
    OWNPOST_EXTRA_CA_FILE: ca.file,
    OWNPOST_ALLOW_NETWORKS: '127.0.0.1/32',
    OWNPOST_ALLOW_PORTS: `${port},${idPort}`,
  };
  let local = await startLocal({ env });
  provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'app',
        client_secret: SECRET,
        redirect_uris: [`${local.url}/api/smtp/oauth/callback`],
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    claims: { openid: ['sub'], email: ['email'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['one'] },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub, email: MAILBOX }) }),
    pkce: { required: () => true },
    rotateRefreshToken: true,
    ttl: { AccessToken: 3600 },
  });
  provider.on('refresh_token.saved', (token) => refreshTokens.add(token.jti));
  const accessTokens = new Set();
  provider.on('access_token.saved', (token) => accessTokens.add(token.jti));
  let refreshes = 0;
  provider.on('grant.success', ({ oidc }) => (refreshes += oidc.params.grant_type === 'refresh_token' ? 1 : 0));
  return {
    get local() {
      return local;
    },
    /** How many tokens were fetched with a refresh token. */
    refreshes: () => refreshes,
    /** The provider takes back all access tokens, and the SMTP server ends its sessions. */
    async endLife() {
      for (const jti of accessTokens) await (await provider.AccessToken.find(jti))?.destroy();
      accessTokens.clear();
      for (const connection of smtp.connections) connection.close();
    },
    /**
     * Kills `ownpost local` at the next token request before the provider sees it (`asked`), at its answer before that is
     * sent (`answering`), or at the next sign-in (`signingIn`), and starts it again over the same data.
     */
    dieAt: (name) =>
      new Promise((resolve, reject) => {
        steps[name] = async () => {
          await local.kill();
          execFileSync('python3', ['-c', PASS, join(local.data, 'ownpost.db')]);
          startLocal({ env, data: local.data }).then((started) => {
            local = started;
            resolve(local);
          }, reject);
        };
      }),
    port,
    mails,
    refreshTokens,
    ca: ca.pem,
    async stop() {
      await local.stop();
      id.closeAllConnections();
      id.close();
      await new Promise((done) => smtp.close(done));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
