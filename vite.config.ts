import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig({
  root: 'ui',
  plugins: [svelte()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2023',
    // The server's CSP allows no data: URIs, so every asset is a file.
    assetsInlineLimit: 0,
    // ui/tools: the router's pages load when opened; the first load must stay under 150 KB gzipped (see ui/README.md).
    reportCompressedSize: true,
  },
  server: {
    port: 5173,
    proxy: { '/api': process.env.TODOKE_DEV_SERVER ?? 'http://127.0.0.1:8080' },
  },
});
