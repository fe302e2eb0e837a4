/** One question to one DNS server: UDP, and TCP when the answer does not fit (RFC 7766 §5). Node's own resolver hides the AD bit. */
import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import net, { isIP } from 'node:net';
import * as packets from 'dns-packet';

export interface DnsServerAddress {
  host: string;
  port: number;
}

/** What fits into nearly every path without fragments (DNS flag day 2020). */
const UDP_SIZE = 1232;

/** `ip`, `ip:port`, `[v6]:port` or `v6`, as in TODOKE_DNS and as Node tells the system's. */
export function parseServer(server: string): DnsServerAddress {
  if (isIP(server) !== 0) return { host: server, port: 53 };
  const [, host = '', port = '53'] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(server) ?? [];
  return { host, port: Number(port) };
}

/** Rejects after `timeoutMs` without an answer, and with what the network says. */
export async function exchange(
  type: string,
  name: string,
  server: DnsServerAddress,
  timeoutMs: number,
): Promise<packets.Decoded> {
  // AD asks for the bit (RFC 6840 §5.7); resolvers that do not know that want DO.
  const query: packets.Packet = {
    type: 'query',
    id: randomInt(0x10000),
    flags: packets.RECURSION_DESIRED | packets.AUTHENTIC_DATA,
    questions: [{ type, name }],
    additionals: [{ type: 'OPT', name: '.', udpPayloadSize: UDP_SIZE, flags: packets.DNSSEC_OK }],
  };
  const answer = await overUdp(query, server, timeoutMs);
  return answer.flag_tc ? overTcp(query, server, timeoutMs) : answer;
}

async function overUdp(
  query: packets.Packet,
  server: DnsServerAddress,
  timeoutMs: number,
): Promise<packets.Decoded> {
  const bytes = packets.encode(query);
  // A socket for each question: its random port is half of what an attacker has to guess.
  const socket = dgram.createSocket(isIP(server.host) === 6 ? 'udp6' : 'udp4');
  return new Promise<packets.Decoded>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('TIMEOUT')), timeoutMs);
    socket.on('error', reject);
    socket.on('message', (message) => {
      const answer = read(() => packets.decode(message));
      // Anything else may be somebody's guess: the true answer may still come.
      if (answer && answers(answer, query)) resolve(answer);
    });
    socket.on('close', () => clearTimeout(timer));
    // Connected, so that only the server's packets come and its refusals are heard. (A callback would be called on failure, too.)
    socket.on('connect', () => socket.send(bytes));
    socket.connect(server.port, server.host);
  }).finally(() => socket.close());
}

function overTcp(
  query: packets.Packet,
  server: DnsServerAddress,
  timeoutMs: number,
): Promise<packets.Decoded> {
  const socket = net.connect({ host: server.host, port: server.port, noDelay: true });
  return new Promise<packets.Decoded>((resolve, reject) => {
    let received = Buffer.alloc(0);
    socket.setTimeout(timeoutMs, () => reject(new Error('TIMEOUT')));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed without an answer')));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const answer = read(() => packets.streamDecode(received));
      if (answer && answers(answer, query)) resolve(answer);
      else reject(new Error('BADRESP'));
    });
    socket.write(packets.streamEncode(query));
  }).finally(() => socket.destroy());
}

function answers(answer: packets.Decoded, query: packets.Packet): boolean {
  const asked = query.questions![0]!;
  const [question] = answer.questions ?? [];
  return (
    answer.type === 'response' &&
    answer.id === query.id &&
    question?.type === asked.type &&
    question.name.toLowerCase() === asked.name.toLowerCase()
  );
}

/** A packet that cannot be decoded is none. */
function read<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}
