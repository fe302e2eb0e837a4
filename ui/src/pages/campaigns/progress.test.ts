import { expect, test } from 'vitest';
import { addSample, rate, type Sample, secondsLeft, shares } from './progress.ts';

const counts = {
  recipients: 100,
  queued: 0,
  sent: 0,
  delivered: 60,
  deferred: 10,
  bounced: 5,
  suppressed: 5,
  opens: 0,
  uniqueOpens: 0,
  clicks: 0,
  uniqueClicks: 0,
  unsubscribes: 0,
  complaints: 0,
};

test('shares are of all people, and never exceed the whole while the number is still growing', () => {
  expect(shares(counts)).toEqual({ delivered: 0.6, bounced: 0.05, deferred: 0.1, suppressed: 0.05 });
  const growing = shares({ ...counts, recipients: 10 });
  expect(growing.delivered + growing.bounced + growing.deferred + growing.suppressed).toBeCloseTo(1);
});

test.each<[string, Sample[], number | null]>([
  ['nothing known', [], null],
  ['one sample', [{ at: 0, tried: 5 }], null],
  [
    'too close together',
    [
      { at: 0, tried: 5 },
      { at: 500, tried: 50 },
    ],
    null,
  ],
  [
    'two seconds',
    [
      { at: 0, tried: 0 },
      { at: 2000, tried: 500 },
    ],
    250,
  ],
])('rate: %s', (_, samples, expected) => {
  expect(rate(samples)).toBe(expected);
});

test('time left follows the recent rate and forgets old samples', () => {
  let samples: Sample[] = [];
  for (let second = 0; second <= 60; second++)
    samples = addSample(samples, {
      at: second * 1000,
      tried: second < 40 ? second : 40 + (second - 40) * 100,
    });
  expect(samples[0]!.at).toBe(40_000);
  expect(rate(samples)).toBe(100);
  expect(secondsLeft(samples, 1000)).toBe(10);
  expect(secondsLeft(samples, 0)).toBe(0);
  expect(secondsLeft([], 10)).toBeNull();
});
