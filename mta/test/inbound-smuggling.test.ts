/** Mail within mail: every known way to make two servers disagree on where one ends (smtpd smuggling, CVE-2023-51764 and its kin). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LineEndings } from '../inbound/line-endings.ts';
import { BOUNCE, Client, type Listener, type Step, startListener } from './inbound-client.ts';

let listener: Listener;
beforeAll(async () => {
  listener = await startListener();
});
afterAll(() => listener.stop());

const OPEN: Step[] = ['C: MAIL FROM:<>', 'S: 250', `C: RCPT TO:<${BOUNCE}>`, 'S: 250', 'C: DATA', 'S: 354'];
const HELLO: Step[] = ['S: 220', 'C: EHLO me.test', 'S: 250'];
const SMUGGLED = `MAIL FROM:<evil@test>\r\nRCPT TO:<${BOUNCE}>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n`;

/** what stands where an end of mail might be seen */
const ENDS: [string, string][] = [
  ['LF dot LF', '\n.\n'],
  ['LF dot CRLF', '\n.\r\n'],
  ['CR dot CR', '\r.\r'],
  ['CR dot CRLF', '\r.\r\n'],
  ['CR dot LF', '\r.\n'],
  ['CRLF dot LF', '\r\n.\n'],
  ['CRLF dot CR', '\r\n.\r'],
  ['CRLF dot CR CRLF', '\r\n.\r\r\n'],
  ['LF dot CR', '\n.\r'],
  ['CRLF NUL dot', '\r\n\0.\n'],
  ['LF LF dot CRLF', '\n\n.\r\n'],
  ['CRLF LF dot CRLF', '\r\n\n.\r\n'],
];

for (const [name, end] of ENDS) {
  for (const split of ['in one packet', 'byte by byte'] as const) {
    for (const secure of [false, true]) {
      it(`${name}, ${split}${secure ? ', within TLS' : ''}: nothing is taken, the session ends`, async () => {
        const before = listener.mail().length;
        const client = await Client.connect(listener.port);
        await client.play(HELLO);
        if (secure) await client.play(['C: STARTTLS', 'S: 220', '*** starttls', 'C: EHLO me.test', 'S: 250']);
        await client.play(OPEN);
        const bytes = Buffer.from(`Subject: innocent\r\n\r\ntext${end}${SMUGGLED}`, 'latin1');
        if (split === 'in one packet') client.say(bytes);
        else for (const byte of bytes.subarray(0, 40)) await client.send(Buffer.from([byte]));
        if (split === 'byte by byte') await client.send(bytes.subarray(40));
        expect(await client.reply()).toMatch(/^550 5\.5\.2 bare <(LF|CR)>/);
        await client.eof();
        expect(client.unread).toBe('');
        expect(listener.mail()).toHaveLength(before);
        client.close();
      });
    }
  }
}

describe('commands', () => {
  for (const [name, bytes] of [
    ['end in a bare LF', 'NOOP\n'],
    ['hold a bare CR', 'NOOP\rRSET\r\n'],
    ['end in CR CR LF', 'NOOP\r\r\n'],
  ] as const) {
    it(`that ${name} end the session`, async () => {
      const client = await Client.connect(listener.port);
      await client.play(HELLO);
      client.say(bytes);
      expect(await client.reply()).toMatch(/^550 5\.5\.2 bare/);
      await client.eof();
    });
  }
});

it('what was pipelined behind STARTTLS in clear is never read', async () => {
  const client = await Client.connect(listener.port);
  await client.play(HELLO);
  client.say(`STARTTLS\r\nMAIL FROM:<evil@test>\r\n`);
  await client.play(['S: 220', '*** starttls', `C: RCPT TO:<${BOUNCE}>`, 'S: 503', 'C: QUIT', 'S: 221']);
  client.close();
});

it('a dot that was stuffed is content, whichever way it is split', async () => {
  const client = await Client.connect(listener.port);
  await client.play([...HELLO, ...OPEN]);
  for (const part of ['.', '.\r\n', '\r\n', '.', '.', 'x\r', '\n.', '\r\n'])
    await client.send(Buffer.from(part));
  await client.play(['S: 250', 'C: QUIT', 'S: 221']);
  client.close();
  expect(listener.mail().at(-1)!.raw).toBe('.\r\n\r\n.x\r\n');
});

it('line ends are judged the same however the bytes are cut', () => {
  const samples = ['a\r\nb\r\n', 'a\nb', 'a\r\n\r\n', 'a\rb', '\n', '\r', '\r\r\n', '\r\n\n', 'ab', '\r\n\r'];
  const whole = (text: string): boolean => /\r(?!\n)[\s\S]|(?<!\r)\n/.test(text);
  for (const first of samples) {
    for (const second of samples) {
      const text = first + second;
      for (let cut = 0; cut <= text.length; cut += 1) {
        const lines = new LineEndings();
        const verdict =
          lines.check(Buffer.from(text.slice(0, cut))) ?? lines.check(Buffer.from(text.slice(cut)));
        expect(verdict !== undefined, JSON.stringify([text, cut])).toBe(whole(text));
      }
    }
  }
});
