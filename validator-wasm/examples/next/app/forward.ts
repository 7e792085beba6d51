// In your product the API may have an origin of its own. Here the server of Next.js passes the requests on to `ownpost
// local`, which refuses those from pages of another origin.
const ownpost = process.env.OWNPOST ?? 'http://127.0.0.1:8080';

/** Answers with the answer of `ownpost local` to the same request. */
export async function forward(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const headers = new Headers({ origin: ownpost });
  for (const name of ['accept', 'authorization', 'content-type']) {
    const value = request.headers.get(name);
    if (value) headers.set(name, value);
  }
  const body = request.method === 'GET' ? null : await request.arrayBuffer();
  const answer = await fetch(ownpost + pathname + search, { method: request.method, headers, body });
  const type = answer.headers.get('content-type');
  return new Response(answer.body, { status: answer.status, headers: type ? { 'content-type': type } : {} });
}
