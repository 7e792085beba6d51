import { svelte } from '@sveltejs/vite-plugin-svelte';

// The API is at the same origin as the page. While you develop it is `ownpost local`, which refuses what comes from
// pages of another origin.
const ownpost = process.env.OWNPOST ?? 'http://127.0.0.1:8080';
const proxy = { target: ownpost, changeOrigin: true, headers: { origin: ownpost } };

export default { plugins: [svelte()], server: { proxy: { '/api': proxy, '/dev': proxy } } };
