import { describe, expect, it } from 'vitest';
import { readMail } from '../inbound/read/read.ts';
import type { Case } from './corpus/build.ts';
import { cases as replies } from './corpus/replies.ts';

const ALL: Case[] = [...replies];

describe('mail that comes back', () => {
  it.each(ALL.map((each) => [each.name, each] as const))('%s', (_, { raw, kind, reports }) => {
    const read = readMail(Buffer.from(raw, 'utf8'));
    expect({ kind: read.kind, reports: read.reports }).toEqual({
      kind,
      reports: reports.map((expected) => expect.objectContaining(expected)),
    });
  });
});
