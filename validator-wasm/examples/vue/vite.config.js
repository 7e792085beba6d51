import vue from '@vitejs/plugin-vue';

// The API has the same origin as the page. During development it is `ownpost local`, which refuses requests from
// pages of another origin.
const ownpost = process.env.OWNPOST ?? 'http://127.0.0.1:8080';
const proxy = { target: ownpost, changeOrigin: true, headers: { origin: ownpost } };

export default {
  // Vue must leave this element to the browser.
  plugins: [vue({ template: { compilerOptions: { isCustomElement: (tag) => tag === 'smtp-settings-form' } } })],
  server: { proxy: { '/api': proxy, '/dev': proxy } },
};
