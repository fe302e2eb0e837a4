/**
 * A server in a thread of its own, as its client's thread stands still meanwhile: plays its dialogue, says "250 Taken", resets the connection at
 * once and then tells the waiting client by `done`.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Step } from './peer.ts';

interface Data {
  dialogue: string[];
  done: Int32Array;
}

export interface ResettingPeer {
  port: number;
  cert: string;
  /** Blocks the thread until the server has said it and is gone. */
  awaitReset(): void;
  stop(): Promise<unknown>;
}

export async function startResettingPeer(dialogue: string[]): Promise<ResettingPeer> {
  const done = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL(import.meta.url), { workerData: { dialogue, done } satisfies Data });
  const { port, cert } = await new Promise<{ port: number; cert: string }>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  return {
    port,
    cert,
    awaitReset: () => void Atomics.wait(done, 0, 0, 10_000),
    stop: () => worker.terminate(),
  };
}

if (!isMainThread && workerData?.done) {
  const { startPeer } = await import('./peer.ts');
  const { dialogue, done } = workerData as Data;
  const steps: Step[] = [
    // The socket in clear: one that is encrypted cannot be reset.
    ({ socket }) => {
      steps.push('S: 250 2.0.0 Taken', () => {
        socket.once('close', () => {
          Atomics.store(done, 0, 1);
          Atomics.notify(done, 0);
        });
        socket.resetAndDestroy();
      });
    },
    ...dialogue,
  ];
  const { port, cert } = await startPeer([steps]);
  parentPort!.postMessage({ port, cert });
}
