import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';

/** One mail as the remote server has it: the bytes that were signed. */
export interface KeptMail {
  recipient: string;
  sender: string;
  raw: Buffer;
}

/** A remote server that keeps every mail, and knows nobody whose address begins with `gone`. */
export interface KeepingSink {
  port: number;
  mails: KeptMail[];
  stop(): Promise<void>;
}

export async function startKeepingSink(): Promise<KeepingSink> {
  const mails: KeptMail[] = [];
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    onRcptTo({ address }, _session, done) {
      const refusal = Object.assign(new Error('5.1.1 No such user here'), { responseCode: 550 });
      done(address.startsWith('gone') ? refusal : undefined);
    },
    onData(stream, { envelope }, done) {
      buffer(stream).then((raw) => {
        const sender = envelope.mailFrom ? envelope.mailFrom.address : '';
        for (const { address } of envelope.rcptTo) mails.push({ recipient: address, sender, raw });
        done();
      }, done);
    },
  });
  // A client that is killed in the middle of a mail is nothing to die of.
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
