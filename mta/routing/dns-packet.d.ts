/** The part of dns-packet 5 that is used; it brings no types. */
declare module 'dns-packet' {
  interface Question {
    type: string;
    name: string;
    class?: string;
  }
  interface Answer {
    type: string;
    name: string;
    ttl?: number;
    class?: string;
    data: unknown;
  }
  interface Packet {
    type?: 'query' | 'response';
    id?: number;
    flags?: number;
    questions?: Question[];
    answers?: Answer[];
    authorities?: Answer[];
    additionals?: unknown[];
  }
  /** what `decode` makes of the header's flags */
  interface Decoded extends Packet {
    type: 'query' | 'response';
    flag_ad: boolean;
    flag_tc: boolean;
    /** NOERROR, NXDOMAIN, SERVFAIL… */
    rcode: string;
  }
  export const AUTHENTIC_DATA: number;
  export const DNSSEC_OK: number;
  export const RECURSION_DESIRED: number;
  export const RECURSION_AVAILABLE: number;
  export const TRUNCATED_RESPONSE: number;
  export function encode(packet: Packet): Buffer;
  export function decode(buffer: Buffer): Decoded;
  /** with the two octets of length of DNS over TCP */
  export function streamEncode(packet: Packet): Buffer;
  /** null: there is less than a message */
  export function streamDecode(buffer: Buffer): Decoded | null;
}
