// The HTTP API as the form sees it.

/** @import { Answer, CallOptions } from '../../types/form.js' */

/** An answer that is no success: a problem of the API, or of the way to it. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status, 0 when there was no answer
   * @param {any} body what came
   * @param {number | null} [retryAfter] in seconds
   */
  constructor(status, body, retryAfter = null) {
    super(body?.code ?? `http_${status}`);
    this.status = status;
    this.body = body ?? {};
    this.retryAfter = retryAfter;
  }
}

// A report is at most 1 MB; an answer beyond that is not one of ours.
const MAX_CHARS = 4 * 1024 * 1024;

/** Calls the API of one form. */
export class Api {
  #base;
  #token;
  #locale;

  /**
   * @param {string} base
   * @param {(() => Promise<string | null | undefined>) | null} getToken
   * @param {string} locale
   */
  constructor(base, getToken, locale) {
    this.#base = base.replace(/\/+$/, '');
    this.#token = getToken;
    this.#locale = locale;
  }

  /**
   * One call. `onStage` asks for the stream and gets each stage. The final document comes with its status.
   * @param {string} method
   * @param {string} path
   * @param {CallOptions} [options]
   * @returns {Promise<Answer>}
   */
  async call(method, path, { body, onStage, signal } = {}) {
    /** @type {Record<string, string>} */
    const headers = {
      'Accept-Language': this.#locale,
      Accept: onStage ? 'application/x-ndjson, application/json;q=0.9' : 'application/json',
    };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const token = await this.#token?.();
    if (token) headers.Authorization = `Bearer ${token}`;
    let response;
    try {
      response = await fetch(this.#base + path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
        cache: 'no-store',
      });
      const streamed = (response.headers.get('Content-Type') ?? '').startsWith('application/x-ndjson');
      const answer = streamed ? await readLines(response, onStage) : await readDocument(response);
      return settle(response, answer);
    } catch (error) {
      if (error instanceof ApiError || isAbort(error)) throw error;
      throw new ApiError(0, {});
    }
  }
}

/**
 * Whether a call was stopped by its signal.
 * @param {unknown} error
 */
export function isAbort(error) {
  return error instanceof Error && error.name === 'AbortError';
}

/** @param {Response} response */
async function readDocument(response) {
  const text = await response.text();
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// One stage a line, the answer last. Stages have a `stage`, no answer has.
/**
 * @param {Response} response
 * @param {CallOptions['onStage']} onStage
 */
async function readLines({ body }, onStage) {
  if (body === null) throw new ApiError(0, {});
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = '';
  let answer = null;
  /** @param {string} line */
  const take = (line) => {
    if (line.trim() === '') return;
    const value = JSON.parse(line);
    if (typeof value?.stage === 'string' && typeof value.status === 'string') onStage?.(value);
    else answer = value;
  };
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    buffer += value;
    if (buffer.length > MAX_CHARS) throw new ApiError(0, {});
    const lines = buffer.split('\n');
    buffer = lines.pop() ?? '';
    lines.forEach(take);
  }
  take(buffer);
  if (answer === null) throw new ApiError(0, {});
  return answer;
}

// A stream has said 200 before it knew its end: the answer itself then tells what it is.
/**
 * @param {Response} response
 * @param {any} answer
 * @returns {Answer}
 */
function settle(response, answer) {
  let status = response.status;
  if (status === 200 && answer !== null) {
    if (answer.activated === false) status = 409;
    else if (Array.isArray(answer.issues)) status = answer.valid === false ? 422 : 200;
    else if (Number.isInteger(answer.status) && typeof answer.code === 'string' && answer.status >= 400)
      status = answer.status;
  }
  const hasReport = Array.isArray(answer?.report?.stages) || Array.isArray(answer?.issues);
  if (status < 400 || ((status === 409 || status === 422) && hasReport)) return { status, body: answer };
  // A stream has sent its headers before it knew.
  const retry = Number.parseInt(response.headers.get('Retry-After') ?? answer?.retryAfter ?? '', 10);
  throw new ApiError(status, answer, Number.isFinite(retry) ? retry : null);
}
