/** The part of dns-packet 5 that the fixture server uses; it brings no types. */
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
  export const RECURSION_DESIRED: number;
  export const RECURSION_AVAILABLE: number;
  export function encode(packet: Packet): Buffer;
  export function decode(buffer: Buffer): Packet;
}
