#!/usr/bin/env node
/** The `todoke` command. */
import { text } from 'node:stream/consumers';
import { keyCreate, userCreate } from './cli/accounts.ts';
import { bounceInspect } from './cli/bounce.ts';
import { runCommand } from './cli/commands.ts';
import { doctor } from './cli/doctor.ts';
import { serve } from './cli/serve.ts';

const code = await runCommand([serve, userCreate, keyCreate, doctor, bounceInspect], process.argv.slice(2), {
  env: process.env,
  out: (line) => process.stdout.write(line),
  err: (line) => process.stderr.write(line),
  input: () => text(process.stdin),
});
// What is still open (a keep-alive connection, a timer) must not hold up the end; output to a pipe must be written.
process.stdout.write('', () => process.exit(code));
