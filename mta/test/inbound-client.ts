/** A client whose dialogues read like the protocol, and a listener of one's own to talk to. */
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import Sqlite from 'better-sqlite3';
import { inboundFile } from '../inbound/file.ts';
import { Inbound } from '../inbound/inbound.ts';
import type { InboundLimits } from '../inbound/limits.ts';
import type { InboundSettings } from '../inbound/recipients.ts';
import { createTokenKey } from '../message/token.ts';
import { unsubscribeAddress, verpAddress } from '../message/verp.ts';

/**
 * 'C: EHLO me' says it with CRLF; 'C* a\nb' says bytes as they are (after JSON-like escapes were resolved by the language);
 * 'S: 250' awaits a whole reply whose last line begins so; '*** starttls' becomes a TLS client; '*** eof' awaits the server's end.
 */
export type Step = `C: ${string}` | `C* ${string}` | `S: ${string}` | '*** starttls' | '*** eof';

export class Client {
  #socket: net.Socket;
  #received = '';
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#listen();
  }

  static async connect(port: number, localAddress = '127.0.0.1'): Promise<Client> {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress });
    const client = new Client(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', () => resolve());
      socket.once('error', reject);
    });
    return client;
  }

  async play(steps: readonly Step[]): Promise<string[]> {
    const replies: string[] = [];
    for (const step of steps) {
      if (step === '*** starttls') await this.#startTls();
      else if (step === '*** eof') await this.eof();
      else if (step.startsWith('C: ')) this.say(`${step.slice(3)}\r\n`);
      else if (step.startsWith('C* ')) this.say(step.slice(3));
      else {
        const reply = await this.reply();
        replies.push(reply);
        if (!reply.split('\r\n').at(-1)!.startsWith(step.slice(3)))
          throw new Error(`expected ${step}, got ${JSON.stringify(reply)}`);
      }
    }
    return replies;
  }

  /** Bytes as they are. */
  say(bytes: string | Buffer): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Resolves when the bytes have left this process. */
  send(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.write(bytes, () => resolve());
    });
  }

  /** A whole reply, its lines joined with CRLF. */
  async reply(): Promise<string> {
    const whole = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/;
    await this.#until(() => whole.test(this.#received));
    const [text] = whole.exec(this.#received)!;
    this.#received = this.#received.slice(text.length);
    return text.slice(0, -2);
  }

  async eof(): Promise<void> {
    await this.#until(() => this.#ended);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** What came and was not awaited. */
  get unread(): string {
    return this.#received;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #startTls(): Promise<void> {
    this.#socket.removeAllListeners('data');
    const secure = tls.connect({ socket: this.#socket, rejectUnauthorized: false });
    await new Promise<void>((resolve, reject) => {
      secure.once('secureConnect', () => resolve());
      secure.once('error', reject);
    });
    this.#socket = secure;
    this.#listen();
  }

  #listen(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#wake?.();
    });
    for (const event of ['end', 'close', 'error'] as const)
      this.#socket.on(event, () => {
        this.#ended = true;
        this.#wake?.();
      });
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#ended) throw new Error(`the server ended; unread: ${JSON.stringify(this.#received)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

export interface StoredMail {
  id: number;
  mailFrom: string;
  size: number;
  tls: string;
  recipients: { address: string; role: string; deliveryId: number }[];
  raw: string;
}

/** Everything in inbound.db, oldest first. */
export function storedMail(dataDir: string): StoredMail[] {
  const db = new Sqlite(inboundFile(dataDir), { readonly: true });
  const mails = db
    .prepare('SELECT id, mail_from AS mailFrom, size, tls, upload FROM mail ORDER BY id')
    .all() as (StoredMail & { upload: number })[];
  const recipients = db.prepare(
    'SELECT address, role, delivery_id AS deliveryId FROM recipient WHERE mail_id = ? ORDER BY address',
  );
  const parts = db.prepare('SELECT bytes FROM part WHERE upload = ? ORDER BY place').pluck();
  const found = mails.map(({ upload, ...mail }) => ({
    ...mail,
    recipients: recipients.all(mail.id) as StoredMail['recipients'],
    raw: Buffer.concat(parts.all(upload) as Buffer[]).toString('latin1'),
  }));
  db.close();
  return found;
}

/** rows of `part`, those of unfinished mails as well */
export function storedParts(dataDir: string): number {
  const db = new Sqlite(inboundFile(dataDir), { readonly: true });
  const count = db.prepare('SELECT count(*) FROM part').pluck().get() as number;
  db.close();
  return count;
}

export const TEST_KEY = createTokenKey();
export const IDS = { jobId: 1, deliveryId: 7, subscriberId: 3, listId: 2 };
export const BOUNCE = verpAddress(TEST_KEY, IDS, 'bounce.example.jp');
export const UNSUBSCRIBE = unsubscribeAddress(TEST_KEY, IDS, 'bounce.example.jp');

export interface Listener {
  dataDir: string;
  port: number;
  inbound: Inbound;
  problems: string[];
  /** rows of inbound.db */
  mail(): StoredMail[];
  play(steps: readonly Step[], localAddress?: string): Promise<string[]>;
  stop(): Promise<void>;
}

/** The listener alone, in its thread: nothing reads what it takes. */
export async function startListener(
  limits: Partial<InboundLimits> = {},
  options: { dataDir?: string; files?: { cert: string; key: string } } = {},
): Promise<Listener> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'todoke-inbound-'));
  const settings: InboundSettings = {
    name: 'mx.example.jp',
    tokenKey: TEST_KEY,
    domains: new Set(['example.jp', 'bounce.example.jp']),
  };
  const problems: string[] = [];
  const inbound = new Inbound({
    dataDir,
    host: '127.0.0.1',
    port: 0,
    files: options.files,
    settings,
    limits,
    cursor: 0,
    reads: false,
    onLedger: () => {},
    onProblem: (what, error) => problems.push(`${what}: ${(error as Error).message}`),
  });
  await inbound.started;
  const port = inbound.port!;
  return {
    dataDir,
    port,
    inbound,
    problems,
    mail: () => storedMail(dataDir),
    async play(steps, localAddress) {
      const client = await Client.connect(port, localAddress);
      try {
        return await client.play(steps);
      } finally {
        client.close();
      }
    },
    async stop() {
      await inbound.stop();
      rmSync(dataDir, { recursive: true });
    },
  };
}
