import type { Capabilities, Reply } from './types.ts';

/** What a server can do that answered HELO only. */
export const NO_CAPABILITIES: Capabilities = {
  esmtp: false,
  pipelining: false,
  eightBitMime: false,
  smtpUtf8: false,
  startTls: false,
  sizeOffered: false,
  size: 0,
  auth: [],
};

/** Reads the reply to EHLO (RFC 5321 §4.1.1.1); the first line is a greeting. `AUTH=PLAIN` is what old Exchange says. */
export function parseCapabilities(reply: Reply): Capabilities {
  const offered = new Map<string, string[]>();
  for (const line of reply.text.split('\n').slice(1)) {
    const [keyword = '', ...parameters] = line.slice(4).trim().toUpperCase().split(/[ =]+/);
    // Some servers say AUTH twice, once in each form.
    offered.set(keyword, [...(offered.get(keyword) ?? []), ...parameters]);
  }
  const size = offered.get('SIZE')?.[0] ?? '';
  return {
    esmtp: true,
    pipelining: offered.has('PIPELINING'),
    eightBitMime: offered.has('8BITMIME'),
    smtpUtf8: offered.has('SMTPUTF8'),
    startTls: offered.has('STARTTLS'),
    sizeOffered: offered.has('SIZE'),
    // "SIZE 0" and "SIZE" both mean: no fixed limit (RFC 1870 §4)
    size: /^\d{1,15}$/.test(size) ? Number(size) : 0,
    auth: [...new Set(offered.get('AUTH') ?? [])],
  };
}
