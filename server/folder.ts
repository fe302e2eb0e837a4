/** Names of the process's own files in the data folder. */
import { join } from 'node:path';

/** Whoever holds the lock on it is the only server on this folder. */
export const lockFile = (dataDir: string): string => join(dataDir, 'server.lock');

/** JSON of `{pid, version, host, admin, public, inbound, startedAt}` while the server runs. */
export const portsFile = (dataDir: string): string => join(dataDir, 'ports.json');
