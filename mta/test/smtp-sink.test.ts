import { afterEach, describe, expect, it } from 'vitest';
import type { SendOutcome, Session } from '../smtp/types.ts';
import { mail, open } from './smtp-helpers.ts';
import { type SmtpSink, startSmtpSink } from './smtp-sink.ts';

let sink: SmtpSink;
afterEach(() => sink.stop());

function sendMany(session: Session, count: number): Promise<SendOutcome[]> {
  const outcomes: Promise<SendOutcome>[] = [];
  return new Promise((resolve) => {
    session.onReady = () => {
      if (outcomes.length < count)
        outcomes.push(session.send(mail({ rcptTo: `user${outcomes.length}@example.test` })));
      if (outcomes.length === count) resolve(Promise.all(outcomes));
    };
    session.onReady();
  });
}

describe("Postfix's smtp-sink", () => {
  it.each([
    ['with PIPELINING', []],
    ['without PIPELINING', ['-p']],
    ['without ESMTP', ['-e']],
  ])('takes mail over reused connections, %s', async (_, args) => {
    sink = await startSmtpSink(args);
    const sessions = await Promise.all([open(sink.port), open(sink.port), open(sink.port)]);
    const outcomes = (await Promise.all(sessions.map((session) => sendMany(session, 200)))).flat();
    expect(outcomes.filter(({ kind }) => kind === 'accepted')).toHaveLength(600);
    await Promise.all(sessions.map((session) => session.quit()));
    for (const session of sessions) expect(await session.closed).toEqual({ error: '' });
  });
});
