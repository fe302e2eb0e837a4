import { describe, expect, it } from 'vitest';
import profiles from '../../../../mta/shaping/profiles.json' with { type: 'json' };
import { patternError, readable } from './pattern.ts';

describe('readable', () => {
  it.each([
    ['unusual rate', ['unusual rate']],
    ['5\\.7\\.515', ['5.7.515']],
    ['\\[(TSS|IPTS)04\\]', ['[TSS04]', '[IPTS04]']],
    ['VS98-IP0|\\[(TSS|IPTS)04\\]', ['VS98-IP0', '[TSS04]', '[IPTS04]']],
    ['4\\.7\\.(26|27)', ['4.7.26', '4.7.27']],
    ['^421', ['421']],
    ['^4\\d\\d[ -]4\\.7\\.(26|27)\\b', ['4xx 4.7.26', '4xx 4.7.27']],
    // what is more than plain texts stays as it is
    ['4\\.7\\.\\d+', ['4\\.7\\.\\d+']],
    ['\\w', ['\\w']],
    ['too (many|much).*', ['too (many|much).*']],
    ['a|b+', ['a|b+']],
    ['[abc]', ['[abc]']],
    ['(a|b)(c|d)(e|f)(g|h)', ['(a|b)(c|d)(e|f)(g|h)']],
    ['unclosed (', ['unclosed (']],
    ['', ['']],
  ])('%s', (pattern, expected) => {
    expect(readable(pattern)).toEqual(expected);
  });

  it('reads every built-in trigger as plain texts that it matches', () => {
    for (const { match } of profiles.flatMap(({ backoff }) => backoff)) {
      for (const text of readable(match)) {
        expect(text).not.toMatch(/[\\|()]/);
        expect(text.replaceAll('xx', '50')).toMatch(new RegExp(match));
      }
    }
  });
});

it.each([
  ['4\\.7', false],
  ['(', true],
  ['[a', true],
])('patternError %s', (pattern, wrong) => {
  expect(patternError(pattern) !== undefined).toBe(wrong);
});
