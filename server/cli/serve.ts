import type { Logger } from 'pino';
import { ConfigError, readConfig } from '../config.ts';
import { createLogger } from '../log.ts';
import type { RunningServer } from '../main.ts';
import { type Command, EXIT } from './commands.ts';

export const serve: Command = {
  name: 'serve',
  summary: 'run the appliance until SIGTERM',
  help: `Runs UI, API, public pages, worker and MTA on the data folder of TODOKE_DATA_DIR.
The addresses are printed and written to ports.json in that folder. SIGTERM drains and ends with code 0.`,
  options: {},
  async run(_options, io) {
    const config = readConfigOrExplain(io.env);
    // Children inherit the environment; the password of the first boot is nobody's business but ours.
    delete process.env.TODOKE_ADMIN_PASSWORD;
    const log = createLogger(config.log);
    const end = Promise.withResolvers<number>();
    let server: RunningServer | undefined;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        log.info({ signal }, 'stopping');
        // A signal during the start: nothing was accepted yet.
        if (!server) process.exit(EXIT.ok);
        server.stop().then(
          () => end.resolve(EXIT.ok),
          (error: unknown) => end.resolve(failed(log, error)),
        );
      });
    }
    const fatal = (reason: string): void => {
      log.fatal(reason);
      end.resolve(EXIT.failed);
    };
    process.on('uncaughtException', (error) => {
      log.fatal({ err: error }, 'uncaught');
      process.exit(EXIT.failed);
    });
    // The other commands need not load the whole product.
    const { startServer } = await import('../main.ts');
    server = await startServer(config, log, {
      // Straight to the terminal, never into the log, and only once.
      firstAdministrator: ({ email, password }) =>
        io.out(
          `\nTodoke is new here. Log in as ${email}${password ? ` with the password ${password}\nIt is not shown again.` : '.'}\n\n`,
        ),
      fatal,
    });
    const host = config.host === '0.0.0.0' || config.host === '::' ? 'localhost' : config.host;
    log.info(
      { ...server.ports, dataDir: config.dataDir },
      `Todoke is up: http://${host}:${server.ports.admin} for the staff, http://${host}:${server.ports.public} for readers`,
    );
    if (process.connected) process.send?.({ type: 'ready', ports: server.ports });
    return end.promise;
  },
};

/** Every problem on a line of its own. */
export function readConfigOrExplain(env: Record<string, string | undefined>): ReturnType<typeof readConfig> {
  try {
    return readConfig(env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new Error(
      `the environment has ${error.problems.length === 1 ? 'a bad value' : 'bad values'}:\n  ${error.message.replaceAll('\n', '\n  ')}`,
    );
  }
}

function failed(log: Logger, error: unknown): number {
  log.fatal({ err: error }, 'stopping failed');
  return EXIT.failed;
}
