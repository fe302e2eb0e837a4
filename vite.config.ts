import { gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

/** What is loaded before the home page can be worked with, gzipped (shared/UI.md). */
const FIRST_LOAD_MAX_KB = 150;
/** Loaded at once though by import(): the bigger language and the first page. */
const FIRST_DYNAMIC = ['ja.json', 'Home.svelte'];

/** Prints the first load's size and stops a build that outgrows it. */
function firstLoad(): Plugin {
  return {
    name: 'todoke-first-load',
    apply: 'build',
    generateBundle(_options, bundle) {
      const files = new Set<string>();
      const add = (name: string) => {
        const file = bundle[name];
        if (!file || files.has(name)) return;
        files.add(name);
        if (file.type !== 'chunk') return;
        for (const css of file.viteMetadata?.importedCss ?? []) add(css);
        for (const imported of file.imports) add(imported);
      };
      for (const file of Object.values(bundle)) {
        if (file.type !== 'chunk') continue;
        if (file.isEntry || FIRST_DYNAMIC.some((name) => file.facadeModuleId?.endsWith(name)))
          add(file.fileName);
      }
      let bytes = 0;
      for (const name of files) {
        const file = bundle[name]!;
        bytes += gzipSync(file.type === 'chunk' ? file.code : file.source).length;
      }
      const kilobytes = Math.ceil(bytes / 1000);
      const text = `first load: ${kilobytes} KB gzipped in ${files.size} files (at most ${FIRST_LOAD_MAX_KB} KB)`;
      if (kilobytes > FIRST_LOAD_MAX_KB) this.error(text);
      console.log(text);
    },
  };
}

export default defineConfig({
  root: 'ui',
  plugins: [svelte({ configFile: false }), firstLoad()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2023',
    // The server's CSP allows no data: URIs, so every asset is a file.
    assetsInlineLimit: 0,
    // The code editor is big and loads when a mail is written.
    chunkSizeWarningLimit: 700,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        // What every page needs in one file instead of thirty; the editor, charts and texts stay on their own.
        codeSplitting: {
          groups: [
            {
              name: 'shared',
              test: /node_modules\/(svelte|esm-env|clsx|svelte-spa-router|regexparam)\/|ui\/src\/lib\/(?!chart\.ts)|ui\/src\/components\/(?!editor\/|Chart\.svelte)/,
            },
          ],
        },
      },
    },
  },
  server: {
    port: 5173,
    proxy: { '/api': process.env.TODOKE_DEV_SERVER ?? 'http://127.0.0.1:8080' },
  },
});
