/**
 * Postfix relaying mails of the same size, signed by nobody, from smtp-source to the same sink: what a tuned MTA in C does with a
 * queue file and an fsync for each mail.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startPostfix } from '../../test/postfix.ts';

export { postfixInstalled } from '../../test/postfix.ts';

const run = promisify(execFile);
/** of the same package */
const SMTP_SOURCE = '/usr/sbin/smtp-source';

/** Mails per second from the first connection of smtp-source to the emptied queue. */
export async function measurePostfix(options: {
  sinkPort: number;
  count: number;
  bytes: number;
  connections: number;
}): Promise<number> {
  const postfix = await startPostfix({
    nextHop: options.sinkPort,
    main: {
      initial_destination_concurrency: String(options.connections),
      default_destination_concurrency_limit: String(options.connections),
      qmgr_message_active_limit: '100000',
    },
  });
  try {
    const startedAt = performance.now();
    await run(SMTP_SOURCE, [
      ...['-s', String(options.connections), '-m', String(options.count), '-l', String(options.bytes)],
      ...['-f', 'news@bench.example.jp', '-t', 'r1@d1.example.jp', `${postfix.address}:${postfix.port}`],
    ]);
    await postfix.emptied();
    return options.count / ((performance.now() - startedAt) / 1000);
  } finally {
    await postfix.stop();
  }
}
