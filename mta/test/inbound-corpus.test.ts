import { describe, expect, it } from 'vitest';
import { readMail } from '../inbound/read/read.ts';
import { cases as kinds } from './corpus/kinds.ts';
import { cases as lists } from './corpus/lists.ts';
import { cases as office } from './corpus/office.ts';
import { cases as replies } from './corpus/replies.ts';
import { cases as services } from './corpus/services.ts';
import { cases as unix } from './corpus/unix.ts';

const ALL = { replies, unix, office, services, lists, kinds };

describe.each(Object.entries(ALL))('mail that comes back: %s', (_, cases) => {
  it.each(cases.map((each) => [each.name, each] as const))('%s', (_, { raw, kind, reports }) => {
    const read = readMail(Buffer.from(raw, 'utf8'));
    expect({ kind: read.kind, reports: read.reports }).toEqual({
      kind,
      reports: reports.map((expected) => expect.objectContaining(expected)),
    });
  });

  it('has names of its own', () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });
});
