// What must hold of every answer, and of the ledger at the end.
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** The largest answer in bytes. A page of 500 mails with long headers is the largest that is right. */
const LARGEST = 8 * 1024 * 1024;
/** The memory of the server in MiB. */
const MEMORY = 700;
/** How long the mail of the run may take to leave, in milliseconds. */
const QUIET = 600_000;

/** What is wrong with an answer, or null. `secrets` are texts that no answer may hold. */
export function check(request, answer, secrets) {
  const { status, type, json, body, chunked } = answer;
  if (answer.late) return 'no answer in time';
  if (status >= 500) return `status ${status}`;
  if (answer.bytes.length > LARGEST) return `an answer of ${answer.bytes.length} bytes`;
  if (!request.raw) {
    if (status === 0) return 'no answer';
    const head = request.line.startsWith('HEAD');
    if (type.includes('json') && !chunked && !head && json === undefined) return 'an answer that is no JSON';
    // A head that is too long gets an answer without a body, before any of our code.
    const unread = [414, 431].includes(status) && body.length === 0;
    if (status >= 400 && !head && !unread) {
      const report = status === 422 && json && 'issues' in json;
      const problem = type === 'application/problem+json' && json?.status === status && typeof json.code === 'string';
      const page = request.line.includes('/oauth/callback') && type === 'text/html';
      const test = json && 'stages' in json;
      if (!report && !problem && !page && !test) return `an error ${status} without a code`;
    }
  }
  // The relays' page is where a developer reads the passwords.
  if (!request.line.includes('/dev/relays') && !request.raw) {
    if (secrets.some((secret) => body.includes(secret))) return 'a secret in an answer';
  }
  return null;
}

/** The most memory that the process had, in MiB. */
export function peakMemory(pid) {
  try {
    return Math.round(Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024);
  } catch {
    return 0;
  }
}

/** Waits until no mail is on its way, ends the server, starts it again, and looks for what it accepted. */
export async function checkLedger(local, accepted) {
  const peak = peakMemory(local.pid);
  if (peak > MEMORY) return `${peak} MiB of memory`;
  const end = Date.now() + QUIET;
  const open = new Set(accepted);
  while (open.size > 0) {
    for (const mail of [...open]) {
      const row = await show(local, mail);
      if (!row) return `the row of ${mail.id} is lost`;
      if (!['queued', 'sending'].includes(row.status)) open.delete(mail);
    }
    if (open.size > 0 && Date.now() > end) return `${open.size} mails never left`;
    if (open.size > 0) await pause(1000);
  }
  const code = await local.end();
  if (code !== 0) return `the server ended with ${code}`;
  await local.run();
  for (const mail of accepted) {
    if (!(await show(local, mail))) return `after a start the row of ${mail.id} is lost`;
  }
  return doubled(local);
}

async function show(local, { id, authorization }) {
  const answer = await fetch(`${local.url}/api/deliveries/${id}`, { headers: { authorization } });
  return answer.ok ? answer.json() : null;
}

/** A mail that was caught twice, by its Message-ID and recipient. */
async function doubled(local) {
  const seen = new Set();
  for (let before = ''; before !== null; ) {
    const page = await (await fetch(`${local.url}/dev/mail?limit=500${before}`)).json();
    for (const { headers, envelope } of page.mail) {
      const name = `${headers['Message-ID']} ${envelope.to}`;
      if (seen.has(name)) return `${name} arrived twice`;
      seen.add(name);
    }
    before = page.next && `&before=${page.next}`;
  }
  console.log(`${seen.size} mails were caught, none twice`);
  return null;
}
