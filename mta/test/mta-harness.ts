/** The real MTA process on a folder of its own, driven as the server drives it. Waiting is for its messages, never for time. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTokenKey, generateDkimKey } from '../index.ts';
import { type MtaHandle, spawnMta } from '../spawn.ts';
import type { Spool } from '../spool/api.ts';
import { openSpool } from '../spool/open.ts';
import type {
  ContentSource,
  DeliverySettings,
  FromMta,
  JobInput,
  JobProgress,
  LedgerRow,
  LineStatus,
  MtaStatus,
  RelayHost,
  Route,
} from '../types.ts';

/** A report, with what the MTA knows of each domain that has mail, asked for as the server does. */
export type HarnessStatus = MtaStatus & { lines: LineStatus[] };

export interface MtaHarness {
  dataDir: string;
  spool: Spool;
  mta: MtaHandle;
  /** the sandbox's port */
  sandboxPort: number;
  /** where bounces come in, 0 when nothing listens there */
  inboundPort: number;
  /** a job with these recipients, sealed; answers its id */
  send(addresses: string[], content?: Partial<ContentSource>, job?: Partial<JobInput>): number;
  publish(changes: Partial<DeliverySettings>): void;
  /** resolves when the predicate holds; looked at after every note of the MTA */
  until<T>(look: () => T | undefined | false): Promise<T>;
  settled(jobId: number): Promise<JobProgress>;
  ledger(jobId: number): LedgerRow[];
  status: HarnessStatus | undefined;
  /** kill -9, and a new process on the same folder */
  killAndRestart(): Promise<void>;
  /** it has ended by itself, with everything settled */
  drained: boolean;
  close(): Promise<void>;
}

export const relayTo = (port: number, more: Partial<RelayHost> = {}): Route[] => [
  { id: 1, match: '*', relay: [{ host: '127.0.0.1', port, tls: 'none', ...more }] },
];

let key: { privateKey: string } | undefined;

export async function startMta(
  settings: Partial<DeliverySettings> = {},
  dns: string[] = ['127.0.0.1:9'],
  { inbound = false } = {},
): Promise<MtaHarness> {
  key ??= await generateDkimKey();
  const dataDir = mkdtempSync(join(tmpdir(), 'todoke-mta-'));
  const spool = openSpool(dataDir);
  let current: DeliverySettings = {
    mode: 'live',
    publicUrl: 'http://127.0.0.1:8081',
    tokenKey: createTokenKey(),
    ehloName: 'me.test',
    domains: [
      {
        domain: 'example.jp',
        returnPathDomain: 'bounce.example.jp',
        dkim: [{ selector: 's1', privateKey: key.privateKey }],
      },
    ],
    routes: [],
    retry: { first: 1, cap: 1, jitter: 0, giveUp: 3600 },
    ...settings,
  };
  spool.publishSettings(current);
  const lookers = new Set<() => void>();
  let ready = Promise.withResolvers<void>();
  let onExit = (code: number | null): void => ready.reject(new Error(`the MTA ended with ${code}`));
  const spawn = (): MtaHandle =>
    spawnMta({
      dataDir,
      dns,
      log: 'error',
      inbound: inbound ? { host: '127.0.0.1', port: 0 } : undefined,
      onMessage,
      onExit: (code) => onExit(code),
    });
  const onMessage = (message: FromMta): void => {
    if (message.type === 'ready') {
      harness.sandboxPort = message.sandboxPort;
      harness.inboundPort = message.inboundPort ?? 0;
      ready.resolve();
    }
    if (message.type === 'drained') harness.drained = true;
    if (message.type === 'status') {
      told = message.status;
      const domains = spool.queueLines(500).map(({ domain }) => domain);
      harness.mta.send({ type: 'lines', id: told.at, domains });
    }
    if (message.type === 'lines' && told?.at === message.id)
      harness.status = { ...told, lines: message.lines };
    for (const look of lookers) look();
  };
  let told: MtaStatus | undefined;
  let jobs = 0;
  const harness: MtaHarness = {
    dataDir,
    spool,
    mta: spawn(),
    sandboxPort: 0,
    inboundPort: 0,
    status: undefined,
    drained: false,
    async killAndRestart() {
      await new Promise<void>((gone) => {
        onExit = () => gone();
        process.kill(harness.mta.pid, 'SIGKILL');
      });
      ready = Promise.withResolvers();
      onExit = (code) => ready.reject(new Error(`the MTA ended with ${code}`));
      harness.mta = spawn();
      await ready.promise;
    },
    send(addresses, content = {}, job = {}) {
      jobs += 1;
      const id = spool.createJob({
        ref: `job:${jobs}`,
        class: 'bulk',
        content: {
          from: { name: 'Example', address: 'news@example.jp' },
          subject: 'Hello',
          text: 'Hello {{ name }}',
          track: { opens: false, clicks: false },
          ...content,
        },
        ...job,
      });
      const rows = addresses.map((address, n) => ({
        address,
        subscriberId: n + 1,
        listId: 1,
        merge: { name: `N${n}` },
      }));
      spool.enqueue(id, { from: 0, to: rows.length, rows });
      spool.seal(id);
      harness.mta.send({ type: 'wake', jobId: id });
      return id;
    },
    publish(changes) {
      current = { ...current, ...changes };
      spool.publishSettings(current);
      harness.mta.send({ type: 'settings' });
    },
    until: (look) =>
      new Promise((resolve) => {
        const check = (): void => {
          const found = look();
          if (found === undefined || found === false) return;
          lookers.delete(check);
          resolve(found);
        };
        lookers.add(check);
        check();
      }),
    settled: (jobId) =>
      harness.until(() => {
        const job = spool.job(jobId)!;
        return job.sealed && job.settled === job.enqueued && job;
      }),
    ledger: (jobId) => spool.searchLedger({ jobId }, undefined, 1000).reverse(),
    async close() {
      await harness.mta.stop();
      spool.close();
      rmSync(dataDir, { recursive: true });
    },
  };
  await ready.promise;
  return harness;
}
