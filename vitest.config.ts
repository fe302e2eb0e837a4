import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{server,mta,ui,deploy,scripts}/**/*.test.ts'],
    pool: 'forks',
    // Two cores: more forks would only make real processes wait for each other.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', './scripts/closing-line.ts'],
  },
});
