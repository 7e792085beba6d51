// smtp-server, the npm package by nodemailer's author, in this process: keeps each mail unchanged.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { SMTPServer } from 'smtp-server';
import { HOSTNAME, PASSWORD, RECIPIENTS, SENDER, USERNAME } from './account.mjs';

const { version } = createRequire(import.meta.url)('smtp-server/package.json');

const refusal = (code, text) => Object.assign(new Error(text), { responseCode: code });

export async function startSmtpServer({ tls }) {
  const mails = [];
  const options = {
    name: HOSTNAME,
    // By default it asks DNS for the client's name before it greets, and no test uses the network.
    disableReverseLookup: true,
    cert: tls.cert,
    key: tls.key,
    authMethods: ['PLAIN', 'LOGIN'],
    onAuth({ username, password }, _session, done) {
      if (username === USERNAME && password === PASSWORD) done(null, { user: username });
      else done(refusal(535, '5.7.8 Authentication failed'));
    },
    onMailFrom: ({ address }, _session, done) =>
      done(address === SENDER ? null : refusal(553, '5.7.1 Sender address rejected: not owned by user')),
    onRcptTo: ({ address }, _session, done) =>
      done(RECIPIENTS.includes(address) ? null : refusal(550, '5.1.1 No such mailbox')),
    async onData(stream, _session, done) {
      const parts = [];
      for await (const part of stream) parts.push(part);
      mails.push(Buffer.concat(parts));
      done();
    },
  };
  const servers = { starttls: new SMTPServer(options), tls: new SMTPServer({ ...options, secure: true }) };
  const ports = {};
  for (const [security, server] of Object.entries(servers)) {
    server.on('error', () => {}); // The client reports a broken connection.
    server.listen(0, '127.0.0.1');
    await once(server.server, 'listening');
    ports[security] = server.server.address().port;
  }
  return {
    name: 'smtp-server',
    version,
    ports,
    mails: () => mails,
    log: () => '',
    stop: () => Promise.all(Object.values(servers).map((server) => new Promise((done) => server.close(done)))),
  };
}
