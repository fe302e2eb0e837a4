/** The MTA alone on a folder of its own, with the bench in the server's place: for what the API would only blur. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTokenKey, generateDkimKey } from '../../index.ts';
import { type MtaHandle, spawnMta } from '../../spawn.ts';
import type { Spool } from '../../spool/api.ts';
import { openSpool } from '../../spool/open.ts';
import type { ContentSource, DeliverySettings, FromMta, MtaStatus } from '../../types.ts';

export interface Engine {
  dataDir: string;
  spool: Spool;
  mta: MtaHandle;
  /** the newest */
  status: MtaStatus | undefined;
  /** Resolves when `look` answers true; looked at after every note of the MTA, so every 50 ms while it sends. */
  until(look: () => boolean): Promise<void>;
  /** Ends all and removes the folder. */
  close(): Promise<void>;
}

/** About 4 KB on the wire, text and HTML, four rewritten links, open pixel: as the other benches send. */
export function benchContent(subject = '{{ name }} 様へ新米のご案内'): ContentSource {
  const links = ['rice', 'chestnut', 'oyster', 'members']
    .map((page) => `<p><a href="https://www.example.jp/${page}?utm_source=mail">くわしく見る</a></p>`)
    .join('\n');
  const filler = '<p>今年の夏は日照に恵まれ、粒のそろった甘みのある米に育ちました。</p>\n'.repeat(5);
  return {
    from: { name: 'みのり市場', address: 'news@bench.example.jp' },
    subject,
    html: `<html><body><p>{{ company }}<br>{{ name }} 様</p>\n${links}\n${filler}\n<p><a href="{{ unsubscribe_url }}">配信停止</a></p></body></html>`,
    text: '{{ company }}\n{{ name }} 様\n\n新米のご案内です。\n\n配信停止: {{ unsubscribe_url }}\n',
    track: { opens: true, clicks: true },
    list: { id: 'list-1', name: 'bench' },
    feedbackId: 'bench',
  };
}

/** Sends everything to the sink over one route with 20 connections. */
export async function startEngine(
  sinkPort: number,
  changes: Partial<DeliverySettings> = {},
): Promise<Engine> {
  const dataDir = mkdtempSync(join(tmpdir(), 'todoke-bench-'));
  const spool = openSpool(dataDir);
  const { privateKey } = await generateDkimKey();
  spool.publishSettings({
    mode: 'live',
    publicUrl: 'http://127.0.0.1:8081',
    tokenKey: createTokenKey(),
    ehloName: 'bench.test',
    domains: [
      {
        domain: 'bench.example.jp',
        returnPathDomain: 'bounce.bench.example.jp',
        dkim: [{ selector: 's1', privateKey }],
      },
    ],
    routes: [
      { id: 1, match: '*', relay: [{ host: '127.0.0.1', port: sinkPort, tls: 'none', connections: 20 }] },
    ],
    retry: { first: 900, cap: 14_400, jitter: 0.2, giveUp: 259_200 },
    ...changes,
  });
  const lookers = new Set<() => void>();
  const ready = Promise.withResolvers<void>();
  const mta = spawnMta({
    dataDir,
    dns: ['127.0.0.1:9'],
    log: 'error',
    onMessage(message: FromMta) {
      if (message.type === 'ready') ready.resolve();
      if (message.type === 'status') engine.status = message.status;
      for (const look of lookers) look();
    },
    onExit: (code) => {
      throw new Error(`the MTA ended with ${code}`);
    },
  });
  const engine: Engine = {
    dataDir,
    spool,
    mta,
    status: undefined,
    until: (look) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!look()) return;
          lookers.delete(check);
          resolve();
        };
        lookers.add(check);
        check();
      }),
    async close() {
      await mta.stop();
      spool.close();
      rmSync(dataDir, { recursive: true });
    },
  };
  await ready.promise;
  return engine;
}
