// nodemailer's pool: HOST PORT MESSAGE COUNT CONNECTIONS [--tls CA].
import { readFileSync } from 'node:fs';
import nodemailer from 'nodemailer';

const [host, port, file, count, connections, , ca] = process.argv.slice(2);
const raw = readFileSync(file);
const envelope = { from: 'noreply@example.org', to: ['someone@example.net'] };

const cpu = process.cpuUsage();
const began = process.hrtime.bigint();
const pool = nodemailer.createTransport({
  pool: true,
  host,
  port: Number(port),
  name: 'client.example.org',
  secure: ca !== undefined,
  ignoreTLS: ca === undefined,
  tls: ca === undefined ? undefined : { ca: readFileSync(ca) },
  maxConnections: Number(connections),
  maxMessages: Infinity,
});
let left = Number(count);
// Two mails for each connection, so that the pool always has the next one ready.
const sendAll = async () => {
  while (left-- > 0) {
    await pool.sendMail({ envelope, raw });
  }
};
await Promise.all(Array.from({ length: 2 * Number(connections) }, sendAll));
pool.close();
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify({ seconds, cpu: (user + system) / 1e6 }));
process.exit(0);
