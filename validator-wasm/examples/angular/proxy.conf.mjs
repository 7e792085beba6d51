// The API has the same origin as the page. During development it is `ownpost local`, which refuses requests from
// pages of another origin.
const ownpost = process.env.OWNPOST ?? 'http://127.0.0.1:8080';
const proxy = { target: ownpost, changeOrigin: true, headers: { origin: ownpost } };

export default { '/api': proxy, '/dev': proxy };
