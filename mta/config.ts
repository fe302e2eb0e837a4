import { availableParallelism } from 'node:os';

/** What the MTA needs from the environment; the server has checked it before and passes it on. */
export interface MtaConfig {
  dataDir: string;
  /** resolvers as ip:port; empty: those of the system */
  dns: string[];
  log: string;
}

export function readMtaConfig(env: NodeJS.ProcessEnv): MtaConfig {
  const dataDir = env.TODOKE_DATA_DIR;
  if (!dataDir)
    throw new Error('TODOKE_DATA_DIR is not set: the MTA is started by the server (see mta/spawn.ts)');
  return {
    dataDir,
    dns: (env.TODOKE_DNS ?? '')
      .split(',')
      .map((server) => server.trim())
      .filter(Boolean),
    log: env.TODOKE_LOG || 'info',
  };
}

/** Signing runs in libuv's thread pool; more threads than cores only take turns. */
export const threadPoolSize = (): number => Math.max(2, availableParallelism());
