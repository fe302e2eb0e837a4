/** Reads mail that came back, from files, and says what it means. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Reading, readMail } from '../../mta/index.ts';
import { type Command, EXIT, type Io, UsageError } from './commands.ts';
import { splitMbox } from './mbox.ts';

export const bounceInspect: Command = {
  name: 'bounce inspect',
  summary: 'say what returned mail means (bounces, complaints, auto-replies)',
  help: `todoke bounce inspect FILE|DIR… [--json]

Reads mail files, one mail or an mbox each, and folders with all that is below them, by name.
Says of each mail what it is (bounce, complaint, auto-reply, delayed, unsubscribe, delivered, other)
and of each recipient: status, SMTP code, reason, phase, and what follows from it:
  suppress  no more mail to this address      count  suppress when it happens again over days
  sender    our own problem                   shape  slow down                 none  nothing
With --json one line of JSON a mail. Changes nothing. Ends with code 1 when a file cannot be read.`,
  options: {},
  operands: true,
  async run(options, io, operands) {
    if (operands.length === 0) throw new UsageError('FILE|DIR is missing.');
    const print = options.json === true ? printJson : printTable;
    let failed = false;
    for (const operand of operands)
      for (const file of filesOf(operand, (path, error) => {
        failed = true;
        io.err(`todoke: ${path}: ${error.message}\n`);
      })) {
        try {
          const mails = splitMbox(readFileSync(file));
          mails.forEach((mail, index) => {
            print(mails.length > 1 ? `${file}#${index + 1}` : file, readMail(mail), io);
          });
        } catch (error) {
          failed = true;
          io.err(`todoke: ${file}: ${(error as Error).message}\n`);
        }
      }
    return failed ? EXIT.failed : EXIT.ok;
  },
};

/** The file itself, or all files below a folder, sorted by name. */
function* filesOf(path: string, complain: (path: string, error: Error) => void): Generator<string> {
  try {
    if (!statSync(path).isDirectory()) {
      yield path;
      return;
    }
    for (const name of readdirSync(path).sort()) yield* filesOf(join(path, name), complain);
  } catch (error) {
    complain(path, error as Error);
  }
}

function printJson(file: string, { kind, reports }: Reading, io: Io): void {
  const shown = reports.map(({ recipient, status, code, reason, action, phase }) => ({
    recipient,
    status,
    code,
    reason,
    action,
    phase,
  }));
  io.out(`${JSON.stringify({ file, kind, reports: shown })}\n`);
}

function printTable(file: string, { kind, reports }: Reading, io: Io): void {
  io.out(`${file}: ${kind}\n`);
  for (const { recipient, status, code, reason, action, phase, diagnostic } of reports) {
    const facts = [
      action,
      reason || '-',
      code === 0 ? '-' : String(code),
      status || '-',
      phase === '' ? '-' : phase,
    ];
    io.out(`  ${(recipient || '(recipient not named)').padEnd(32)}  ${facts.join('  ')}\n`);
    if (diagnostic !== '') io.out(`    ${printable(diagnostic)}\n`);
  }
}

/** A stranger's words must not drive the terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}
