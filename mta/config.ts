import { availableParallelism } from 'node:os';
import type { CertificateFiles } from './inbound/certificate.ts';

/** What the MTA needs from the environment; the server has checked it before and passes it on. */
export interface MtaConfig {
  dataDir: string;
  /** resolvers as ip:port; empty: those of the system */
  dns: string[];
  log: string;
  /** where inbound mail comes in; undefined: nowhere */
  inbound: { host: string; port: number; files: CertificateFiles | undefined } | undefined;
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
    inbound: readInbound(env),
  };
}

function readInbound(env: NodeJS.ProcessEnv): MtaConfig['inbound'] {
  const { TODOKE_HOST, TODOKE_INBOUND_PORT, TODOKE_SMTP_CERT, TODOKE_SMTP_KEY } = env;
  if (!TODOKE_INBOUND_PORT) return undefined;
  return {
    host: TODOKE_HOST || '0.0.0.0',
    port: Number(TODOKE_INBOUND_PORT),
    files:
      TODOKE_SMTP_CERT && TODOKE_SMTP_KEY ? { cert: TODOKE_SMTP_CERT, key: TODOKE_SMTP_KEY } : undefined,
  };
}

/** Signing runs in libuv's thread pool; more threads than cores only take turns. */
export const threadPoolSize = (): number => Math.max(2, availableParallelism());
