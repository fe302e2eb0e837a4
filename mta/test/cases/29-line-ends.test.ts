/** 29. Only CRLF goes out: bare CR and LF of a content are normalised before the mail is signed (RFC 5321 §2.3.8). */
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { simpleParser } from 'mailparser';
import { expect, it } from 'vitest';
import { dkimRecordValue, generateDkimKey } from '../../index.ts';
import { relayTo, startMta } from '../mta-harness.ts';
import { startPeer } from '../peer.ts';
import { BYE, HELLO, takes } from '../small-internet.ts';

it.each([
  ['LF', 'one\ntwo\n\nthree\n'],
  ['CR', 'one\rtwo\r\rthree\r'],
  ['CRLF', 'one\r\ntwo\r\n\r\nthree\r\n'],
  ['all of them', 'one\ntwo\r\r\nthree\r'],
])('%s in text and HTML', async (_, text) => {
  const key = await generateDkimKey();
  const peer = await startPeer([[...HELLO, ...takes('taro@example.com'), ...BYE]]);
  const mta = await startMta({
    routes: relayTo(peer.port),
    domains: [
      {
        domain: 'example.jp',
        returnPathDomain: 'bounce.example.jp',
        dkim: [{ selector: 's1', privateKey: key.privateKey }],
      },
    ],
  });
  const html = `<pre>${text}</pre>`;
  await mta.settled(mta.send(['taro@example.com'], { text, html }));
  await mta.close();
  await peer.done;
  await peer.stop();

  const wire = peer.messages[0]!;
  expect(wire.toString('latin1').replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  const { results } = await dkimVerify(wire, {
    resolver: async (name: string, type: string) => {
      if (name === 's1._domainkey.example.jp' && type === 'TXT') return [[dkimRecordValue(key.publicKey)]];
      throw Object.assign(new Error('no such record'), { code: 'ENOTFOUND' });
    },
  });
  expect(results.map(({ status }) => status.result)).toEqual(['pass']);
  const parsed = await simpleParser(wire);
  expect(parsed.text?.trim()).toBe('one\ntwo\n\nthree');
});
