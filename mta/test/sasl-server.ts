/**
 * Who may log in at a Postfix: Dovecot's authentication protocol (version 1) on a socket, as far as smtpd speaks it, for PLAIN. So a login is
 * tested against the real smtpd without another daemon.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SaslServer {
  /** for `smtpd_sasl_path` */
  path: string;
  /** who has logged in, one entry each time */
  logins: string[];
  stop(): Promise<void>;
}

export async function startSaslServer(user: string, password: string): Promise<SaslServer> {
  const folder = mkdtempSync(join(tmpdir(), 'todoke-sasl-'));
  const path = join(folder, 'auth');
  const open = new Set<net.Socket>();
  const logins: string[] = [];
  const answer = (line: string): string => {
    const [verb, id, mechanism, ...parameters] = line.split('\t');
    if (verb !== 'AUTH') return '';
    const response = parameters.find((each) => each.startsWith('resp='))?.slice(5) ?? '';
    // RFC 4616: authorization identity, user and password, with NUL between them
    const [, name, secret] = Buffer.from(response, 'base64').toString().split('\0');
    if (mechanism !== 'PLAIN' || name !== user || secret !== password) return `FAIL\t${id}\tuser=${name}\n`;
    logins.push(name);
    return `OK\t${id}\tuser=${name}\n`;
  };
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket)).on('error', () => {});
    socket.write('VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n');
    let rest = '';
    socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop()!;
      const said = lines.map(answer).join('');
      if (said) socket.write(said);
    });
  });
  await new Promise<void>((listening) => server.listen(path, listening));
  // smtpd is another user.
  chmodSync(folder, 0o755);
  chmodSync(path, 0o666);
  return {
    path,
    logins,
    async stop() {
      for (const socket of open) socket.destroy();
      await new Promise((closed) => server.close(closed));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
