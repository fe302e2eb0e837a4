import dgram from 'node:dgram';
import * as packets from 'dns-packet';

/** Names in lower case without the final dot. An MX exchange of '' or '.' is the null MX. */
export interface Zone {
  [name: string]: {
    MX?: [preference: number, exchange: string][];
    A?: string[];
    AAAA?: string[];
    TXT?: (string | string[])[];
    CNAME?: string;
    PTR?: string[];
    /** seconds for all of the name's records, default 300 */
    ttl?: number;
  };
}

export type DnsFailure = 'SERVFAIL' | 'REFUSED' | 'timeout';

export interface DnsServer {
  /** ip:port */
  address: string;
  /** may be changed while it runs */
  zone: Zone;
  /** name, or '*' for all → how questions about it fail */
  failures: Map<string, DnsFailure>;
  /** what was asked, such as 'MX example.test' */
  queries: string[];
  stop(): Promise<void>;
}

const RCODE = { SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;

/**
 * A recursive resolver that knows one zone, on 127.0.0.1. `chase: false` answers an alias with its CNAME only, as
 * servers do that are no resolvers.
 */
export async function startDnsServer(zone: Zone, { chase = true } = {}): Promise<DnsServer> {
  const socket = dgram.createSocket('udp4');
  const server: DnsServer = {
    address: '',
    zone,
    failures: new Map(),
    queries: [],
    stop: () => new Promise((resolve) => socket.close(() => resolve())),
  };

  socket.on('message', (message, from) => {
    const query = packets.decode(message);
    const question = query.questions![0]!;
    const name = question.name.toLowerCase();
    server.queries.push(`${question.type} ${name}`);
    const failure = server.failures.get(name) ?? server.failures.get('*');
    if (failure === 'timeout') return;
    const { answers, exists } =
      failure === undefined ? find(server.zone, name, question.type, chase) : { answers: [], exists: true };
    const rcode = failure === undefined ? (exists ? 0 : RCODE.NXDOMAIN) : RCODE[failure];
    socket.send(
      packets.encode({
        type: 'response',
        id: query.id!,
        flags: packets.RECURSION_DESIRED | packets.RECURSION_AVAILABLE | rcode,
        questions: query.questions!,
        answers,
      }),
      from.port,
      from.address,
    );
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  server.address = `127.0.0.1:${socket.address().port}`;
  return server;
}

function find(
  zone: Zone,
  name: string,
  type: string,
  chase: boolean,
): { answers: packets.Answer[]; exists: boolean } {
  const answers: packets.Answer[] = [];
  let at = name;
  for (let i = 0; i < 20; i += 1) {
    const records = zone[at];
    // A name exists when something below it does (RFC 8020).
    if (records === undefined)
      return { answers, exists: Object.keys(zone).some((known) => known.endsWith(`.${at}`)) };
    const { ttl = 300 } = records;
    const add = (data: unknown): unknown => answers.push({ type, name: at, ttl, class: 'IN', data });
    if (records.CNAME !== undefined) {
      answers.push({ type: 'CNAME', name: at, ttl, class: 'IN', data: records.CNAME });
      if (type === 'CNAME' || !chase) return { answers, exists: true };
      at = records.CNAME.toLowerCase();
      continue;
    }
    switch (type) {
      case 'MX':
        for (const [preference, exchange] of records.MX ?? []) add({ preference, exchange: exchange || '.' });
        break;
      case 'A':
      case 'AAAA':
      case 'PTR':
      case 'TXT':
        for (const data of records[type] ?? []) add(data);
        break;
    }
    return { answers, exists: true };
  }
  return { answers, exists: true };
}
