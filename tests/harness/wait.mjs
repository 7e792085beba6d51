// Waiting for results, and free ports.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** The longest wait, in milliseconds. It only ends a test that has failed already. */
const PATIENCE_MS = 60_000;

/** Calls `ask` until the answer is truthy, and returns that answer. `check` may throw to give up. */
export async function until(what, ask, check = () => {}) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    check();
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not reached in time`);
    await pause(50);
  }
}

/**
 * Waits until `read` returns the state `expected`: a page reaches it some time after a click or a key. `expected` is a
 * value, or a pattern for a text. When the time is over, the test fails with the difference to the last state, or with
 * the error of `read`.
 * @param {() => unknown} read
 * @param {unknown} expected
 * @param {string} [message] the meaning of the state
 */
export async function becomes(read, expected, message, patience = PATIENCE_MS) {
  const end = Date.now() + patience;
  for (;;) {
    try {
      const state = await read();
      if (expected instanceof RegExp) assert.match(state, expected);
      else assert.deepEqual(state, expected);
      return;
    } catch (error) {
      if (Date.now() > end) {
        if (message) error.message = `${message}: ${error.message}`;
        throw error;
      }
    }
    await pause(50);
  }
}

/** Lets a server listen on a port that the system gives; returns the port. */
export async function listening(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

/** A port that is free now. Only the system assigns ports here, and it does not assign the same one soon again. */
export async function freePort() {
  const server = createServer();
  const port = await listening(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** Whether a server listens and has greeted, where it greets first. */
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
