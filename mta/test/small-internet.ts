/**
 * The internet in small for one test: a DNS server, scripted mail servers on port 25 of loopback addresses, and the real
 * MTA process, which finds them by their MX as it finds anybody. Port 25 needs root or
 * `sysctl net.ipv4.ip_unprivileged_port_start=0`. Files run side by side: case NN uses 127.NN.x.y and nobody else does.
 */
import { onTestFinished } from 'vitest';
import type { DeliverySettings } from '../types.ts';
import { type DnsServer, startDnsServer, type Zone } from './dns-server.ts';
import { type MtaHarness, startMta } from './mta-harness.ts';
import { type Peer, type PeerConnection, type PeerOptions, type Step, startPeer } from './peer.ts';

export interface SmallInternet {
  mta: MtaHarness;
  dns: DnsServer;
  /** by address */
  servers: Record<string, Peer>;
  /** Lets the MTA end, then rejects unless every dialogue was followed to its end and nobody else connected. */
  finish(): Promise<void>;
}

export interface SmallInternetOptions {
  zone: Zone;
  /** address → one dialogue for each connection; none: nobody may connect */
  servers?: Record<string, Step[][]>;
  settings?: Partial<DeliverySettings>;
  dns?: { chase?: boolean };
  peer?: PeerOptions;
  /** before the MTA looks */
  prepare?(dns: DnsServer): void;
}

/** Ends with the test. Names of the zone end in `.test`: the route that names them allows loopback addresses to them. */
export async function startSmallInternet(options: SmallInternetOptions): Promise<SmallInternet> {
  const dns = await startDnsServer(options.zone, options.dns);
  onTestFinished(() => dns.stop());
  options.prepare?.(dns);
  const servers: Record<string, Peer> = {};
  for (const [host, dialogues] of Object.entries(options.servers ?? {})) {
    const peer = await startPeer(dialogues, { ...options.peer, host, port: 25 });
    servers[host] = peer;
    onTestFinished(() => peer.stop());
  }
  const mta = await startMta({ routes: [{ id: 1, match: '*.test' }], ...options.settings }, [dns.address]);
  let ended: Promise<void> | undefined;
  const end = (): Promise<void> => {
    ended ??= mta.close();
    return ended;
  };
  // The last that was started ends first.
  onTestFinished(end);
  return {
    mta,
    dns,
    servers,
    async finish() {
      await end();
      for (const [address, peer] of Object.entries(servers)) {
        const scripted = options.servers![address]!.length;
        if (peer.connections < scripted || (scripted === 0 && peer.connections > 0))
          throw new Error(`${address} had ${peer.connections} connections instead of ${scripted}`);
        await peer.done;
      }
    },
  };
}

export const HELLO: Step[] = [
  'S: 220 mx.test ESMTP',
  'C: EHLO me.test',
  'S: 250-mx.test',
  'S: 250 ENHANCEDSTATUSCODES',
];
export const BYE: Step[] = ['C: QUIT', 'S: 221 2.0.0 Bye', '*** eof'];
/** MAIL and RCPT taken. */
export const toRcpt = (address: string): Step[] => [
  'C: MAIL FROM:<b-',
  'S: 250 2.1.0 Ok',
  `C: RCPT TO:<${address}>`,
  'S: 250 2.1.5 Ok',
];
/** One mail for the address taken. */
export const takes = (address: string): Step[] => [
  ...toRcpt(address),
  'C: DATA',
  'S: 354 Go on',
  'C> message',
  'S: 250 2.0.0 Taken',
];
/** RCPT refused with this reply, and the RSET that the MTA sends before its next mail. */
export const refuses = (address: string, reply: string): Step[] => [
  'C: MAIL FROM:<b-',
  'S: 250 2.1.0 Ok',
  `C: RCPT TO:<${address}>`,
  `S: ${reply}`,
];
export const RESET: Step[] = ['C: RSET', 'S: 250 2.0.0 Ok'];

/** A server that takes whatever comes, for when the order of the mails is nobody's promise. */
export async function takesAll(connection: PeerConnection): Promise<void> {
  await connection.say('220 mx.test ESMTP\r\n');
  for (;;) {
    const line = await connection.line();
    if (line === 'DATA') {
      await connection.say('354 Go on\r\n');
      await connection.play(['C> message', 'S: 250 2.0.0 Taken']);
    } else if (line === 'QUIT') return connection.say('221 2.0.0 Bye\r\n');
    else await connection.say('250 Ok\r\n');
  }
}
