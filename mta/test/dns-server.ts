import dgram from 'node:dgram';
import net from 'node:net';
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
    NS?: string[];
    TLSA?: [usage: number, selector: number, matchingType: number, data: Buffer][];
    /** it and what is below it is signed: AD is set for those who ask; '' is the root. Default: as above it, at last false */
    signed?: boolean;
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
  /** name, 'TYPE name', or '*' for all → how questions about it fail */
  failures: Map<string, DnsFailure>;
  /** what was asked, such as 'MX example.test' */
  queries: string[];
  stop(): Promise<void>;
}

const RCODE = { SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;

/**
 * A recursive resolver that knows one zone, on 127.0.0.1. `chase: false` answers an alias with its CNAME only, as
 * servers do that are no resolvers. `truncate`: over UDP it says only that the answer is to be fetched over TCP.
 */
export async function startDnsServer(
  zone: Zone,
  { chase = true, truncate = false } = {},
): Promise<DnsServer> {
  const socket = dgram.createSocket('udp4');
  const stream = net.createServer((client) => {
    client.on('error', () => {});
    client.once('data', (data) => {
      const response = answer(packets.streamDecode(data)!);
      if (response) client.end(packets.streamEncode(response));
    });
  });
  const server: DnsServer = {
    address: '',
    zone,
    failures: new Map(),
    queries: [],
    stop: () =>
      new Promise((resolve) => socket.close(() => (truncate ? stream.close(() => resolve()) : resolve()))),
  };

  /** undefined: it is silent */
  function answer(query: packets.Decoded): packets.Packet | undefined {
    const question = query.questions![0]!;
    const name = question.name.toLowerCase();
    server.queries.push(`${question.type} ${name}`);
    const { failures } = server;
    const failure = failures.get(`${question.type} ${name}`) ?? failures.get(name) ?? failures.get('*');
    if (failure === 'timeout') return undefined;
    const { answers, exists } =
      failure === undefined ? find(server.zone, name, question.type, chase) : { answers: [], exists: true };
    const rcode = failure === undefined ? (exists ? 0 : RCODE.NXDOMAIN) : RCODE[failure];
    // Every name on the way must be signed.
    const signed = [name, ...answers.map((each) => each.name)].every((each) => isSigned(server.zone, each));
    const ad = failure === undefined && query.flag_ad && signed ? packets.AUTHENTIC_DATA : 0;
    return {
      type: 'response',
      id: query.id!,
      flags: packets.RECURSION_DESIRED | packets.RECURSION_AVAILABLE | ad | rcode,
      questions: query.questions!,
      answers,
    };
  }

  socket.on('message', (message, from) => {
    const query = packets.decode(message);
    const response = truncate
      ? {
          type: 'response' as const,
          id: query.id!,
          flags: packets.TRUNCATED_RESPONSE,
          questions: query.questions!,
        }
      : answer(query);
    if (response) socket.send(packets.encode(response), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  if (truncate) await new Promise<void>((resolve) => stream.listen(port, '127.0.0.1', resolve));
  server.address = `127.0.0.1:${port}`;
  return server;
}

function isSigned(zone: Zone, name: string): boolean {
  let at = name.replace(/^\.$/, '');
  for (;;) {
    const signed = zone[at]?.signed;
    if (signed !== undefined) return signed;
    if (at === '') return false;
    at = at.includes('.') ? at.slice(at.indexOf('.') + 1) : '';
  }
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
    const records = zone[at === '.' ? '' : at];
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
      case 'NS':
        for (const data of records[type] ?? []) add(data);
        break;
      case 'TLSA':
        for (const [usage, selector, matchingType, certificate] of records.TLSA ?? [])
          add({ usage, selector, matchingType, certificate });
        break;
    }
    return { answers, exists: true };
  }
  return { answers, exists: true };
}
