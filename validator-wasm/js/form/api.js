// The HTTP API, as the form calls it.

/** @import { Answer, CallOptions } from '../../types/form.js' */

const NAME = 'ApiError';

/** A call that did not succeed: the API answered with a problem, or did not answer. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status, 0 when there was no answer
   * @param {any} body the answer's document
   * @param {number | null} [retryAfter] in seconds
   */
  constructor(status, body, retryAfter = null) {
    super(body?.code ?? `http_${status}`);
    this.name = NAME;
    this.status = status;
    this.body = body ?? {};
    this.retryAfter = retryAfter;
  }

  /**
   * An error as a problem to show: one that is none of this API comes of an answer that cannot be used. Modules that are
   * loaded apart have a class each, so the name decides.
   * @param {unknown} error
   */
  static of(error) {
    const ours = error instanceof Error && error.name === NAME;
    return ours ? /** @type {ApiError} */ (error) : new ApiError(502, null);
  }
}

// A report has at most 1 MB: a longer answer does not come from this API.
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
   * Calls the API; with `onStage` it asks for a stream and passes each stage on. Returns the document and its status.
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
    const token = await this.#bearer(signal);
    if (token) headers.Authorization = `Bearer ${token}`;
    try {
      const response = await fetch(this.#base + path, {
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

  // The page's token. A page that cannot give one has nobody signed in; one that takes long can be stopped.
  /** @param {AbortSignal | undefined} signal */
  async #bearer(signal) {
    try {
      return await Promise.race([
        this.#token?.(),
        ...(signal ? [new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))] : []),
      ]);
    } catch {
      signal?.throwIfAborted();
      throw new ApiError(401, {});
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

// Reads a stream: a stage on each line, the answer on the last. Only stages have a member `stage`.
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

// The status of an answer. The headers of a stream are sent before its end is known, with 200: then the document shows
// the status.
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
  // For the same reason a stream has `retryAfter` in its document instead of the header.
  const retry = Number.parseInt(response.headers.get('Retry-After') ?? answer?.retryAfter ?? '', 10);
  throw new ApiError(status, answer, Number.isFinite(retry) ? retry : null);
}
