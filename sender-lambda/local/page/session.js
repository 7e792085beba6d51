// The signed-in user: a bearer token of `ownpost local`, kept while the tab is open.

const KEY = 'ownpost';

/**
 * The stored session, or null.
 * @returns {{ tenant: string, email: string, token: string } | null}
 */
export function session() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
  } catch {
    return null;
  }
}

/**
 * Signs in. Throws an error whose message is for people.
 * @param {string} tenant
 * @param {string} email
 */
export async function signIn(tenant, email) {
  const response = await fetch('/dev/token', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ tenant, email }),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.detail ?? answer.title ?? 'That did not work.');
  sessionStorage.setItem(KEY, JSON.stringify({ tenant, email, token: answer.token }));
}

/** Signs out. */
export function signOut() {
  sessionStorage.removeItem(KEY);
  location.reload();
}

/**
 * Calls the API as the signed-in user; returns the document. Throws an error with `status`.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function api(method, path, body) {
  const response = await fetch(`/api${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${session()?.token}`,
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  const answer = text === '' ? null : JSON.parse(text);
  if (response.status === 401) return signOut();
  if (!response.ok)
    throw Object.assign(new Error(answer?.detail ?? answer?.title ?? `HTTP ${response.status}`), {
      status: response.status,
    });
  return answer;
}
