/**
 * The limit that the appliance is held against: the least that any sender in Node must do for each mail. Run as a
 * process of its own: 20 sockets to the same sink, PIPELINING, one body hash and one RSA-2048 signature a mail by
 * `crypto.sign` in the thread pool (RFC 6376 needs both), no queue, no template, no disk.
 *   node limit-client.ts PORT COUNT BYTES SOCKETS [starttls] → {"seconds":…,"cpuMicros":…}
 */
import { generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';

const [port, count, bytes, sockets] = process.argv.slice(2).map(Number) as [number, number, number, number];
const starttls = process.argv[6] === 'starttls';
const secureContext = createSecureContext({ minVersion: 'TLSv1.2' });
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const LINE = `${'a'.repeat(76)}\r\n`;
// about as much header as a campaign's mail has
const HEADER = `From: sender@bench.example.jp\r\nTo: recipient@example.jp\r\nSubject: limit\r\n${'X-Filler: abcdefghijklmnopqrstuvwxyz\r\n'.repeat(14)}`;
const SIGNATURE_BYTES = 560;
const body = Buffer.from(
  LINE.repeat(Math.max(1, Math.round((bytes - HEADER.length - SIGNATURE_BYTES) / LINE.length))),
);

let started = 0;

/** The signed head of one mail; the body is the same memory for all. */
function makeHead(key: KeyObject): Promise<string> {
  const bodyHash = hash('sha256', body, 'base64');
  const tag = `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=bench.example.jp; s=limit;\r\n h=From:To:Subject; bh=${bodyHash}; b=`;
  return new Promise((resolve, reject) => {
    sign('sha256', Buffer.from(HEADER + tag), key, (error, signature) => {
      if (error) reject(error);
      else resolve(`${tag}${signature.toString('base64')}\r\n${HEADER}\r\n`);
    });
  });
}

async function run(): Promise<void> {
  let socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let replies = new Replies(socket);
  await replies.expect(220);
  socket.write('EHLO limit.example.jp\r\n');
  await replies.expect(250);
  if (starttls) {
    socket.write('STARTTLS\r\n');
    await replies.expect(220);
    socket.removeAllListeners('data');
    socket = connectTls({ socket, secureContext, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    replies = new Replies(socket);
    socket.write('EHLO limit.example.jp\r\n');
    await replies.expect(250);
  }
  let head = next();
  if (head) socket.write(envelope(started));
  while (head) {
    for (const code of [250, 250, 354]) await replies.expect(code);
    const ready = await head;
    // The next is signed while this one travels; its envelope goes out behind the dot (RFC 2920 §3.1).
    head = next();
    socket.cork();
    socket.write(ready);
    socket.write(body);
    socket.write(head ? `.\r\n${envelope(started)}` : '.\r\n');
    socket.uncork();
    await replies.expect(250);
  }
  socket.end('QUIT\r\n');
  await once(socket, 'close');
}

function next(): Promise<string> | undefined {
  if (started === count) return undefined;
  started += 1;
  return makeHead(privateKey);
}

const envelope = (number: number): string =>
  `MAIL FROM:<b${number}@bounce.bench.example.jp>\r\nRCPT TO:<r${number}@example.jp>\r\nDATA\r\n`;

/** Final lines of replies, in order. */
class Replies {
  readonly #codes: number[] = [];
  #rest = '';
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      const lines = (this.#rest + text).split('\r\n');
      this.#rest = lines.pop()!;
      for (const line of lines) if (line[3] !== '-') this.#codes.push(Number(line.slice(0, 3)));
      this.#wake?.();
    });
  }

  async expect(code: number): Promise<void> {
    while (this.#codes.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const got = this.#codes.shift();
    if (got !== code) throw new Error(`The sink answered ${got}, not ${code}`);
  }
}

const startedAt = performance.now();
const before = process.cpuUsage();
await Promise.all(Array.from({ length: sockets }, run));
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ seconds: (performance.now() - startedAt) / 1000, cpuMicros: user + system }));
