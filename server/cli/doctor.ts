/** Looks at an installation and says what is wrong, without changing anything. */
import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Config, ConfigError, readConfig } from '../config.ts';
import { databaseFile, isMigrated } from '../db/open.ts';
import { portsFile } from '../folder.ts';
import { UI_DIR } from '../http/ui.ts';
import { VERSION } from '../version.ts';
import { type Command, EXIT } from './commands.ts';

export interface Finding {
  check: string;
  state: 'ok' | 'warning' | 'problem';
  /** what was found and, when it is not ok, what to do */
  message: string;
}

const MIN_FREE = 1024 ** 3;

export const doctor: Command = {
  name: 'doctor',
  summary: 'check this installation and say what is wrong',
  help: 'Checks Node, environment, data folder, databases, screens and the running server. Ends with code 1 when there is a problem.',
  options: {},
  async run(options, io) {
    const findings = await examine(io.env);
    const ok = findings.every(({ state }) => state !== 'problem');
    if (options.json) io.out(`${JSON.stringify({ ok, version: VERSION, findings })}\n`);
    else {
      const mark = { ok: '✓', warning: '!', problem: '✗' };
      for (const { check, state, message } of findings) io.out(`${mark[state]} ${check}: ${message}\n`);
    }
    return ok ? EXIT.ok : EXIT.failed;
  },
};

/** All checks, in the order in which one would put things right. */
export async function examine(env: Record<string, string | undefined>): Promise<Finding[]> {
  const findings: Finding[] = [node()];
  let config: Config;
  try {
    config = readConfig(env);
    findings.push({ check: 'environment', state: 'ok', message: 'every TODOKE_ variable is understood' });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const line of error.message.split('\n'))
      findings.push({ check: 'environment', state: 'problem', message: line });
    return findings;
  }
  findings.push(...folder(config.dataDir));
  if (existsSync(config.dataDir)) {
    for (const name of ['todoke.db', 'spool.db']) findings.push(database(config.dataDir, name));
    findings.push(...schema(config.dataDir));
  }
  findings.push(screens());
  findings.push(await running(config.dataDir));
  return findings;
}

function node(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  return major >= 24
    ? { check: 'node', state: 'ok', message: process.version }
    : { check: 'node', state: 'problem', message: `${process.version}; install Node 24 or newer` };
}

function folder(dataDir: string): Finding[] {
  const check = 'data folder';
  if (!existsSync(dataDir)) {
    return [{ check, state: 'warning', message: `${dataDir} does not exist yet; the first start makes it` }];
  }
  const findings: Finding[] = [];
  try {
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    findings.push({ check, state: 'ok', message: dataDir });
  } catch {
    findings.push({
      check,
      state: 'problem',
      message: `${dataDir} cannot be written by user ${process.getuid?.()}; make that user its owner`,
    });
  }
  const mode = statSync(dataDir).mode & 0o777;
  if (mode & 0o077) {
    findings.push({
      check,
      state: 'warning',
      message: `${dataDir} is open to other users (mode ${mode.toString(8)}); run chmod 700 on it`,
    });
  }
  const disk = statfsSync(dataDir);
  const free = disk.bavail * disk.bsize;
  const gib = `${(free / 1024 ** 3).toFixed(1)} GiB free`;
  findings.push(
    free >= MIN_FREE
      ? { check: 'disk', state: 'ok', message: gib }
      : { check: 'disk', state: 'warning', message: `only ${gib}; mail is refused when the disk is full` },
  );
  return findings;
}

function database(dataDir: string, name: string): Finding {
  const file = join(dataDir, name);
  if (!existsSync(file))
    return { check: name, state: 'warning', message: 'does not exist yet; the first start makes it' };
  try {
    const client = new Database(file, { readonly: true, timeout: 5000 });
    try {
      const result = client.pragma('quick_check(1)', { simple: true });
      if (result === 'ok') return { check: name, state: 'ok', message: 'intact' };
      return {
        check: name,
        state: 'problem',
        message: `damaged (${result}); stop the server and restore a backup`,
      };
    } finally {
      client.close();
    }
  } catch (error) {
    return { check: name, state: 'problem', message: `cannot be opened: ${(error as Error).message}` };
  }
}

function schema(dataDir: string): Finding[] {
  if (!existsSync(databaseFile(dataDir))) return [];
  const check = 'schema';
  try {
    if (isMigrated(dataDir)) return [{ check, state: 'ok', message: 'up to date' }];
    return [
      {
        check,
        state: 'warning',
        message: 'older than this version; the next start migrates it, after a backup',
      },
    ];
  } catch (error) {
    return [{ check, state: 'problem', message: (error as Error).message }];
  }
}

function screens(): Finding {
  return existsSync(join(UI_DIR, 'index.html'))
    ? { check: 'screens', state: 'ok', message: 'built' }
    : { check: 'screens', state: 'warning', message: 'not built; run "npm run build"' };
}

/** Asks the server that last wrote its ports whether it can work. */
async function running(dataDir: string): Promise<Finding> {
  const check = 'server';
  if (!existsSync(portsFile(dataDir)))
    return { check, state: 'warning', message: 'does not run on this data folder' };
  const { host, admin } = JSON.parse(readFileSync(portsFile(dataDir), 'utf8')) as {
    host: string;
    admin: number;
  };
  const address =
    host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host;
  try {
    const response = await fetch(`http://${address}:${admin}/readyz`, { signal: AbortSignal.timeout(5000) });
    const { ready, problems } = (await response.json()) as { ready: boolean; problems: string[] };
    return ready
      ? { check, state: 'ok', message: `ready on port ${admin}` }
      : {
          check,
          state: 'problem',
          message: `runs on port ${admin}, but is not ready: ${problems.join('; ')}`,
        };
  } catch (error) {
    return {
      check,
      state: 'problem',
      message: `should run on port ${admin}, but does not answer (${(error as Error).message}); was it killed?`,
    };
  }
}
