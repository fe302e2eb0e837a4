/** What the `todoke` command can do, and how each command reads its options. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** Where a command writes, so that tests can read it. */
export interface Io {
  env: Record<string, string | undefined>;
  out(text: string): void;
  err(text: string): void;
  /** the whole of standard input */
  input(): Promise<string>;
}

export interface Command {
  /** words after `todoke` */
  name: string;
  summary: string;
  /** lines of help below the summary */
  help: string;
  options: NonNullable<ParseArgsConfig['options']>;
  /** Takes words that are no options (file names); else they are refused. */
  operands?: boolean;
  /** Answers the exit code. */
  run(
    options: Record<string, string | boolean | string[] | undefined>,
    io: Io,
    operands: readonly string[],
  ): Promise<number>;
}

/** Exit codes: 0 done, 1 it failed, 2 the command line is wrong. */
export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** The command line is wrong; the message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const COMMON = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;

/** Finds the command and runs it. Errors become one line on standard error, or JSON with `--json`. */
export async function runCommand(
  commands: readonly Command[],
  args: readonly string[],
  io: Io,
): Promise<number> {
  const json = args.includes('--json');
  try {
    const words = args.filter(
      (arg, index) => !arg.startsWith('-') && args.slice(0, index).every((before) => !before.startsWith('-')),
    );
    const command = commands.find(({ name }) => words.slice(0, name.split(' ').length).join(' ') === name);
    if (!command) {
      if (args.length === 0 || args[0] === '--help' || args[0] === '-h' || words[0] === 'help') {
        io.out(overview(commands));
        return args.length === 0 ? EXIT.usage : EXIT.ok;
      }
      throw new UsageError(`There is no command "${args.join(' ')}". "todoke --help" lists them.`);
    }
    const rest = args.slice(command.name.split(' ').length);
    const { options, operands } = readOptions(command, rest);
    if (options.help) {
      io.out(helpOf(command));
      return EXIT.ok;
    }
    return await command.run(options, io, operands);
  } catch (error) {
    const code = error instanceof UsageError ? 'usage' : ((error as { code?: string }).code ?? 'failed');
    const { message } = error as Error;
    io.err(json ? `${JSON.stringify({ error: { code, message } })}\n` : `todoke: ${message}\n`);
    return error instanceof UsageError ? EXIT.usage : EXIT.failed;
  }
}

function readOptions(
  command: Command,
  args: string[],
): { options: Record<string, string | boolean | string[] | undefined>; operands: string[] } {
  try {
    const { values, positionals } = parseArgs({
      args,
      options: { ...command.options, ...COMMON },
      strict: true,
      allowPositionals: command.operands === true,
    });
    return {
      options: values as Record<string, string | boolean | string[] | undefined>,
      operands: positionals,
    };
  } catch (error) {
    // Node's message goes on with advice about "--" that fits no command of ours.
    const [sentence] = (error as Error).message.split('. To specify');
    throw new UsageError(
      `${sentence?.replace(/\.?$/, '.')} "todoke ${command.name} --help" shows what it takes.`,
    );
  }
}

function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `todoke: a self-hosted bulk mail appliance

${lines.join('\n')}

"todoke COMMAND --help" explains a command. Every command takes --json.
Settings come from the environment; .env.example explains every variable.
`;
}

function helpOf(command: Command): string {
  return `todoke ${command.name}: ${command.summary}\n\n${command.help}\n`;
}

/** An option that must be given. */
export function required(options: Record<string, unknown>, name: string): string {
  const value = options[name];
  if (typeof value !== 'string' || value.trim() === '') throw new UsageError(`--${name} is missing.`);
  return value.trim();
}
