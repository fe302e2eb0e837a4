import { describe, expect, it } from 'vitest';
import { BackOff, type BackOffHit, type ShapingVerdict } from '../shaping/back-off.ts';
import { createProfiles } from '../shaping/profiles.ts';
import { replyForTriggers } from '../shaping/triggers.ts';
import type { BackoffTrigger, Phase } from '../types.ts';
import { classify } from '../verdict/verdict.ts';

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 10, 25, 1, 30);
const profiles = createProfiles();
const laneOf = (provider: string) => new BackOff(profiles.named(provider)!);

/** What the queue makes of a reply: the verdict with its reason, as `judge` does. */
function verdict(provider: string, reply: string, phase: ShapingVerdict['phase'] = 'dot'): ShapingVerdict {
  const code = Number(reply.slice(0, 3));
  const status = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})/.exec(reply)?.[1] ?? '';
  const { verdict: kind, reason } = classify({ phase, reply: { code, status, text: reply }, provider });
  return { kind, reason, phase, code, reply };
}

/** 'suspend 60' (minutes), 'rate 10/min 30', 'pause-sending-domain until lifted' */
function say({ action, since, until }: BackOffHit): string {
  const length = until === null ? 'until lifted' : `${(until - since) / MINUTE}`;
  switch (action.type) {
    case 'rate': {
      const connections = action.connections ? ` ${action.connections} connection` : '';
      return `rate ${action.perMinute}/min${connections} ${length}`;
    }
    case 'connections':
      return `connections ${action.count} ${length}`;
    case 'reconnect':
    case 'recipient-only':
      return action.type;
    default:
      return `${action.type} ${length}`;
  }
}

describe("every provider's replies", () => {
  const gmailRate =
    '421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating\n421-4.7.28 from your IP Netblock [192.0.2.0/24]. To protect our users from spam, mail\n421 4.7.28 sent from your IP Netblock has been temporarily rate limited. d9443c01a7336-gsmtp';
  const gmailAuth = (status: string): string =>
    `${status.startsWith('4') ? 421 : 550}-${status} Your email has been rate limited because this mail is unauthenticated.\n421 ${status} https://support.google.com/mail/answer/81126`;
  const outlookRate =
    '451 4.7.650 The mail server [192.0.2.10] has been temporarily rate limited due to IP reputation. For e-mail delivery information, see https://postmaster.live.com (S775)';
  const outlookConnections =
    '421 4.3.2 The maximum number of connections has been exceeded, closing transmission channel';
  const outlookAuth =
    "550 5.7.515 Access denied, sending domain EXAMPLE.JP doesn't meet the required authentication level.";
  const yahoo = (code: string): string =>
    `421 4.7.0 [${code}] Messages from 192.0.2.10 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes`;

  const table: [provider: string, reply: string, expected: string[]][] = [
    ['gmail', gmailRate, ['', 'rate 10/min 30']],
    ['gmail', gmailAuth('4.7.26'), ['pause-sending-domain until lifted']],
    ['gmail', gmailAuth('4.7.27'), ['pause-sending-domain until lifted']],
    ['gmail', gmailAuth('4.7.29'), ['pause-sending-domain until lifted']],
    ['gmail', gmailAuth('4.7.30'), ['pause-sending-domain until lifted']],
    ['gmail', gmailAuth('4.7.32'), ['pause-sending-domain until lifted']],
    ['gmail', gmailAuth('5.7.26'), ['', '', 'pause-sending-domain until lifted']],
    ['gmail', gmailAuth('4.7.31'), ['', '', '']],
    [
      'gmail',
      '450-4.2.1 The user you are trying to contact is receiving mail at a rate that\n450 4.2.1 prevents additional messages from being delivered.',
      ['recipient-only'],
    ],
    ['outlook', outlookRate, ['', '', 'suspend 30']],
    ['outlook', outlookConnections, ['', 'connections 1 60']],
    ['outlook', outlookAuth, ['pause-sending-domain until lifted']],
    ['microsoft365', outlookRate, ['', '', 'suspend 30']],
    ['microsoft365', outlookConnections, ['', 'connections 1 60']],
    ['microsoft365', outlookAuth, ['pause-sending-domain until lifted']],
    ['yahoo', yahoo('TSS04'), ['', 'suspend 120']],
    ['yahoo', yahoo('IPTS04'), ['', 'suspend 120']],
    ['yahoo', yahoo('TSS05'), ['', 'suspend 240']],
    ['yahoo', '451 4.3.2 Max message per connection reached, please reconnect', ['reconnect']],
    ['yahoo-japan', '421 4.7.0 VS98-IP0 deferred - see https://www.yahoo-help.jp/', ['', 'suspend 60']],
    ['yahoo-japan', yahoo('TSS04'), ['', 'suspend 60']],
    ['yahoo-japan', '421 4.4.2 mx101.mail.yahoo.co.jp Error: Timeout waiting for command', ['suspend 30']],
    ['docomo', '552 too many recipients', ['reconnect']],
    ['au', '421 ezweb.ne.jp Service not available, closing transmission channel', ['suspend 60']],
    ['softbank', '450 4.7.1 come back later', ['', '']],
    ['icloud', '450 4.1.0 Service unavailable - try again later', ['', '', '', '', 'suspend 15']],
    ['icloud', '421 4.7.1 Messages deferred [BS02]', ['', '', '', '', 'suspend 15']],
    ['icloud', '550 5.7.1 [HCM1] Message rejected due to local policy', ['', '', 'suspend 15']],
    ['generic', '450 4.7.0 Your mail has been temporarily deferred', ['rate 1/min 1 connection 90']],
    ['generic', '554 5.7.1 Rejected for IP reputation', ['rate 1/min 1 connection 90']],
    ['generic', '451 server busy, try later', ['rate 1/min 1 connection 90']],
    ['generic', '450 4.2.0 greylisted', ['']],
  ];
  it.each(table)('%s: %s', (provider, reply, expected) => {
    const lane = laneOf(provider);
    const answers = expected.map((_, n) =>
      lane
        .observe(verdict(provider, reply), NOW + n * MINUTE)
        .map(say)
        .join(', '),
    );
    expect(answers).toEqual(expected);
  });

  it('are counted per trigger and only within its time', () => {
    const lane = laneOf('yahoo');
    const tell = (reply: string, minutes: number) =>
      lane.observe(verdict('yahoo', yahoo(reply)), NOW + minutes * MINUTE).map(say);
    expect([
      tell('TSS04', 0),
      tell('TSS05', 1),
      tell('TSS04', 61),
      tell('IPTS04', 120),
      tell('TSS05', 60),
    ]).toEqual([[], [], [], ['suspend 120'], ['suspend 240']]);
  });

  it('answer what tripped, how often and with which words', () => {
    const lane = laneOf('gmail');
    lane.observe(verdict('gmail', gmailRate), NOW);
    expect(lane.observe(verdict('gmail', gmailRate), NOW + 1)).toEqual([
      {
        action: { type: 'rate', perMinute: 10 },
        since: NOW + 1,
        until: NOW + 1 + 30 * MINUTE,
        trigger: 'unusual rate',
        times: 2,
        reply: gmailRate,
      },
    ]);
    expect(lane.observe(verdict('gmail', gmailRate), NOW + 2)[0]!.times).toBe(3);
  });

  it('are forgotten when somebody lifts the back-off', () => {
    const lane = laneOf('gmail');
    lane.observe(verdict('gmail', gmailRate), NOW);
    lane.forget();
    expect(lane.observe(verdict('gmail', gmailRate), NOW + 1)).toEqual([]);
  });

  it('stay counted when the settings change, for triggers that are still there', () => {
    const lane = laneOf('gmail');
    lane.observe(verdict('gmail', gmailRate), NOW);
    lane.profile = createProfiles([{ provider: 'gmail', values: { connections: 1 } }]).named('gmail')!;
    expect(lane.observe(verdict('gmail', gmailRate), NOW + 1).map(say)).toEqual(['rate 10/min 30']);
    lane.profile = createProfiles([{ provider: 'gmail', values: {}, backoff: [] }]).named('gmail')!;
    lane.profile = profiles.named('gmail')!;
    expect(lane.observe(verdict('gmail', gmailRate), NOW + 2)).toEqual([]);
  });

  it('of one mailbox count for nothing else', () => {
    const all: BackoffTrigger[] = [
      { match: 'rate', times: 2, withinSeconds: 60, action: { type: 'suspend' }, forSeconds: 60 },
      { match: '4\\.2\\.1', times: 1, withinSeconds: 60, action: { type: 'recipient-only' }, forSeconds: 0 },
    ];
    const lane = new BackOff(
      createProfiles([{ provider: 'gmail', values: { suspendOnFailedConnection: 60 }, backoff: all }]).named(
        'gmail',
      )!,
    );
    const tell = (reply: string) => lane.observe(verdict('gmail', reply), NOW).map(say);
    expect([
      tell('421 4.2.1 receiving mail at a rate'),
      tell('450 rate'),
      tell('450 4.2.1 rate'),
      tell('450 rate'),
    ]).toEqual([['recipient-only'], [], ['recipient-only'], ['suspend 1']]);
  });
});

describe('what no server said', () => {
  const words = '421 4.7.0 Server busy, unusual rate, temporarily deferred';
  it.each([
    ['our own verdict', { phase: 'none', code: 0 }],
    ['our own verdict with a code', { phase: 'none', code: 552 }],
    ['DNS', { phase: 'dns', code: 550 }],
    ['a lost connection', { phase: 'dot', code: 0 }],
  ] as const)('trips nothing: %s', (_, { phase, code }) => {
    for (const provider of ['generic', 'au', 'gmail']) {
      const lane = laneOf(provider);
      for (let n = 0; n < 10; n += 1)
        expect(lane.observe({ kind: 'deferred', reason: 'network', phase, code, reply: words }, NOW)).toEqual(
          [],
        );
    }
  });

  it('a delivery trips nothing either, whatever it says', () => {
    const lane = laneOf('generic');
    const reply = '250 2.0.0 OK, Server busy';
    expect(lane.observe({ kind: 'delivered', reason: '', phase: 'dot', code: 250, reply }, NOW)).toEqual([]);
  });
});

describe('connections that fail', () => {
  const table: [provider: string, phase: Phase, code: number, text: string, expected: string[]][] = [
    ['au', 'connect', 0, 'connect ECONNREFUSED 192.0.2.1:25', ['suspend 60']],
    ['au', 'banner', 0, 'ECONNRESET: read', ['suspend 60']],
    ['au', 'dot', 0, 'connection closed by the server', ['suspend 60']],
    ['au', 'banner', 421, '421 too many connections', ['suspend 60']],
    ['au', 'banner', 554, '554 no service', []],
    ['au', 'connect', 0, 'timeout (connect, 300 s)', []],
    ['au', 'connect', 0, 'bind EADDRNOTAVAIL 192.0.2.9', []],
    ['au', 'dns', 0, 'look-up of ezweb.ne.jp failed', []],
    ['gmail', 'connect', 0, 'connect ECONNREFUSED 192.0.2.1:25', []],
    ['generic', 'banner', 421, '421 Server busy', ['rate 1/min 1 connection 90']],
  ];
  it.each(table)('%s, %s, %i %s: %j', (provider, phase, code, text, expected) => {
    const hits = laneOf(provider).connectionFailed({ phase, code, text }, NOW);
    expect(hits.map(say)).toEqual(expected);
    if (provider === 'au')
      expect(hits.map(({ trigger }) => trigger)).toEqual(expected.map(() => 'failed-connection'));
  });
});

describe('the reply as triggers see it', () => {
  it.each([
    ['421 4.7.0 slow down', '421 4.7.0 slow down'],
    ['450-4.2.1 The user\n450-4.2.1 gets too\n450 4.2.1 much', '450-4.2.1 The user gets too much'],
    ['550-no\n550 thanks', '550-no thanks'],
    ['550-no\n550', '550-no '],
    ['first\nsecond line', 'first second line'],
  ])('%j is %j', (reply, seen) => {
    expect(replyForTriggers(reply)).toBe(seen);
  });

  it('has an end', () => {
    expect(replyForTriggers(`550 ${'x'.repeat(100_000)}`)).toHaveLength(500);
  });
});
