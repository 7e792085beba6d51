// What is in use, as `GET /smtp` says it.

/** @import { Active, Answer } from '../../types/form.js' */

import { ApiError } from './api.js';

/**
 * Reads the answer to `GET /smtp`. An answer without settings that does not name the platform is not of this API.
 * @param {any} body
 * @returns {Active}
 */
export function readActive(body) {
  const own = body?.settings ?? body;
  const platform = body?.status === 'platform';
  if (!platform && typeof own?.host !== 'string') throw new ApiError(502, null);
  const health = body.health ?? {};
  return {
    settings: platform ? null : own,
    // An API that does not say it answers a rollback itself.
    previous: body.previous ?? !platform,
    revision: body.revision ?? null,
    health: health.status === 'healthy' || health.status === 'unhealthy' ? health.status : 'unknown',
    since: health.since ?? null,
    message: health.message ?? null,
    alerted: body.alerted?.addresses ?? [],
    offers: body.connect ?? [],
  };
}

/**
 * The platform's server is in use, and nothing was before.
 * @type {Active}
 */
export const PLATFORM = readActive({ status: 'platform' });

/**
 * Asks what is in use. Without `default` the API answers 404 for the platform's server, which the browser logs as an
 * error.
 * @param {(method: string, path: string) => Promise<Answer>} call
 */
export async function askActive(call) {
  try {
    return readActive((await call('GET', '/smtp?default=1')).body);
  } catch (error) {
    if (ApiError.of(error).status !== 404) throw error;
    return PLATFORM;
  }
}
