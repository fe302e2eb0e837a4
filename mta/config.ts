import { availableParallelism } from 'node:os';
import type { CertificateFiles } from './inbound/certificate.ts';
import type { SocketLimits } from './queue/sockets.ts';

/** What the MTA needs from the environment; the server has checked it before and passes it on. */
export interface MtaConfig {
  dataDir: string;
  /** resolvers as ip:port; empty: those of the system */
  dns: string[];
  log: string;
  /** where inbound mail comes in; undefined: nowhere */
  inbound: { host: string; port: number; files: CertificateFiles | undefined } | undefined;
  /** connections to other servers at a time, see `socketLimits` */
  connections: number | undefined;
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
    connections: Number(env.TODOKE_CONNECTIONS) || undefined,
  };
}

/** 10 M mails an hour at half a second each need 1,400 connections; firewalls of small offices count some thousands. */
const CONNECTIONS = 2000;
/** Files that are no connections: databases, threads, look-ups, the sandbox. */
const OTHER_FILES = 256;

/**
 * How many connections the MTA may have at a time.
 * @param wanted as the operator says, undefined: as many as make sense
 * @param files that the process may have open, undefined: any number
 */
export function socketLimits(wanted: number | undefined, files: number | undefined): SocketLimits {
  const open = Math.max(
    16,
    Math.min(wanted ?? CONNECTIONS, (files ?? Number.POSITIVE_INFINITY) - OTHER_FILES),
  );
  return { open, opening: Math.max(8, Math.floor(open / 4)) };
}

function readInbound(env: NodeJS.ProcessEnv): MtaConfig['inbound'] {
  const { TODOKE_HOST, TODOKE_INBOUND_PORT, TODOKE_SMTP_CERT, TODOKE_SMTP_KEY } = env;
  if (!TODOKE_INBOUND_PORT) return undefined;
  return {
    host: TODOKE_HOST || '0.0.0.0',
    port: Number(TODOKE_INBOUND_PORT),
    files: TODOKE_SMTP_CERT && TODOKE_SMTP_KEY ? { cert: TODOKE_SMTP_CERT, key: TODOKE_SMTP_KEY } : undefined,
  };
}

/** Signing runs in libuv's thread pool; more threads than cores only take turns. */
export const threadPoolSize = (): number => Math.max(2, availableParallelism());
