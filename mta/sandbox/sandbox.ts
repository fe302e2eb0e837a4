import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export interface Sandbox {
  /** on 127.0.0.1 */
  port: number;
  /** Ends open sessions and keeps what was accepted. */
  stop(): Promise<void>;
}

/**
 * Starts the built-in sandbox: a real SMTP server that accepts (or refuses, see magic.ts) every mail and keeps it in
 * `sandbox.db`. It listens when the promise resolves. If its thread dies later, the error is thrown in this process:
 * the supervisor then starts it afresh.
 */
export async function startSandbox({ dataDir }: { dataDir: string }): Promise<Sandbox> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: { dataDir } });
  // `once` also rejects when the thread throws before it listens.
  const [{ port }] = (await once(worker, 'message')) as [{ port: number }];
  return {
    port,
    async stop() {
      const exited = once(worker, 'exit');
      worker.postMessage('stop');
      await exited;
    },
  };
}
