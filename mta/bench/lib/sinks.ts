/** What takes the benches' mails. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type SmtpSink, startSmtpSink } from '../../test/smtp-sink.ts';

/** Postfix's smtp-sink; with TLS our own, as that one has none. */
export async function startSink(starttls: boolean): Promise<SmtpSink> {
  if (!starttls) return startSmtpSink();
  const program = fileURLToPath(new URL('./tls-sink.ts', import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`the TLS sink ended with ${code}`)));
  });
  return {
    port: (JSON.parse(line) as { port: number }).port,
    pid: child.pid!,
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill();
      }),
  };
}
