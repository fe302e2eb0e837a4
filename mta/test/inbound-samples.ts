/** Mails that come back, as servers write them. */
import { SMTPServer } from 'smtp-server';

export interface SentMail {
  mailFrom: string;
  rcptTo: string;
  raw: string;
}

export interface RemoteHost {
  port: number;
  mails: SentMail[];
  /** resolves with the mail to that address */
  mailTo(address: string): Promise<SentMail>;
  /** awaited before the reply to the dot */
  hold: ((mail: SentMail) => Promise<unknown>) | undefined;
  stop(): Promise<void>;
}

/** A server that takes every mail and keeps it. */
export async function startRemoteHost(): Promise<RemoteHost> {
  const waiting = new Map<string, (mail: SentMail) => void>();
  const host: RemoteHost = {
    port: 0,
    mails: [],
    hold: undefined,
    mailTo(address) {
      const found = host.mails.find(({ rcptTo }) => rcptTo === address);
      if (found) return Promise.resolve(found);
      return new Promise((resolve) => waiting.set(address, resolve));
    },
    stop: () => new Promise((stopped) => server.close(() => stopped())),
  };
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    authOptional: true,
    disableReverseLookup: true,
    closeTimeout: 100,
    logger: false,
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', async () => {
        const { mailFrom, rcptTo } = session.envelope;
        const mail = {
          mailFrom: mailFrom ? mailFrom.address : '',
          rcptTo: rcptTo[0]!.address,
          raw: Buffer.concat(chunks).toString('latin1'),
        };
        await host.hold?.(mail);
        host.mails.push(mail);
        waiting.get(mail.rcptTo)?.(mail);
        callback(null, '2.0.0 Ok');
      });
    },
  });
  server.on('error', () => {});
  await new Promise<void>((listening) => {
    const listener = server.listen(0, '127.0.0.1', () => {
      host.port = (listener.address() as { port: number }).port;
      listening();
    });
  });
  return host;
}

const headOf = (raw: string): string => raw.slice(0, raw.indexOf('\r\n\r\n') + 2);

/** RFC 3464, as Postfix writes it. `to`: where it is addressed, in the header. */
export function dsn(
  sent: SentMail,
  {
    to = sent.mailFrom,
    status = '5.1.1',
    diagnostic = '550 5.1.1 <ADDRESS>: User unknown',
    action = 'failed',
  } = {},
): string {
  const words = diagnostic.replace('ADDRESS', sent.rcptTo);
  return [
    'From: MAILER-DAEMON@mx.remote.test (Mail Delivery System)',
    'Subject: Undelivered Mail Returned to Sender',
    `To: ${to}`,
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b1"',
    '',
    '--b1',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    "I'm sorry to have to inform you that your message could not",
    'be delivered to one or more recipients.',
    '',
    `<${sent.rcptTo}>: host mx.remote.test said: ${words} (in reply to RCPT TO command)`,
    '',
    '--b1',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; mx.remote.test',
    '',
    `Final-Recipient: rfc822; ${sent.rcptTo}`,
    `Action: ${action}`,
    `Status: ${status}`,
    `Diagnostic-Code: smtp; ${words}`,
    '',
    '--b1',
    'Content-Type: text/rfc822-headers',
    '',
    headOf(sent.raw),
    '--b1--',
    '',
  ].join('\r\n');
}

/** RFC 5965 */
export function feedback(sent: SentMail, type = 'abuse'): string {
  return [
    'From: <fbl@provider.test>',
    'Subject: FW: complaint',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=feedback-report; boundary="b1"',
    '',
    '--b1',
    'Content-Type: text/plain',
    '',
    'This is an email abuse report.',
    '',
    '--b1',
    'Content-Type: message/feedback-report',
    '',
    `Feedback-Type: ${type}`,
    'User-Agent: Provider/1.0',
    'Version: 1',
    '',
    '--b1',
    'Content-Type: message/rfc822',
    '',
    sent.raw,
    '--b1--',
    '',
  ].join('\r\n');
}
