// Waiting for what comes, and ports to wait at.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** Generous: it only ends a test that has failed already. */
const PATIENCE_MS = 60_000;

/** Asks until the answer is truthy, and answers it. `check` may throw to give up. */
export async function until(what, ask, check = () => {}) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    check();
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: waited for in vain`);
    await pause(50);
  }
}

/**
 * Waits until the state that `read` gives is `expected`: a page reaches it some time after the click or the key, not
 * before the next line of the test. `expected` is a value, or a pattern for a text. Where the state stays another one,
 * the test fails with the difference to the last state; where `read` fails, with its error.
 * @param {() => unknown} read
 * @param {unknown} expected
 * @param {string} [message] says what the state means
 */
export async function becomes(read, expected, message, patience = PATIENCE_MS) {
  const end = Date.now() + patience;
  for (;;) {
    let failure;
    try {
      const state = await read();
      if (expected instanceof RegExp) assert.match(state, expected, message);
      else assert.deepEqual(state, expected, message);
      return;
    } catch (error) {
      failure = error;
    }
    if (Date.now() > end) throw failure;
    await pause(50);
  }
}

/** A port that is free now: nothing but the system hands out ports here, and it does not repeat itself soon. */
export async function freePort() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Whether a server listens and, where it is the one to speak first, has greeted. */
export async function greets(port, { silent = false } = {}) {
  const socket = connect(port, '127.0.0.1');
  try {
    const closed = once(socket, 'close').then(() => false);
    return await Promise.race([once(socket, silent ? 'connect' : 'data').then(() => true), closed]);
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
