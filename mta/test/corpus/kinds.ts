/** All that is no bounce: delays, successes, complaints, auto-replies, unsubscribes, people. And reports of unusual build. */
import { bounce, type Case, dsn, mail, multipart, part, returned, TAMA, US } from './build.ts';

const JA = 'Content-Type: text/plain; charset=UTF-8';
const dead = { recipient: TAMA, reason: 'unknown-user', action: 'suppress' } as const;
const late = { action: 'none' } as const;
const none = (kind: Case['kind'], name: string, raw: string): Case => ({ name, raw, kind, reports: [] });
const person = (subject: string, body: string, fields: string[] = []): string =>
  mail({ from: `Tama <${TAMA}>`, subject, fields: [JA, ...fields], body });

const arf = (type: string, lines: string[], original = returned()): string =>
  mail({
    from: 'staff@feedback.kotatsu.example',
    subject: 'FW: Spring news',
    fields: [
      'MIME-Version: 1.0',
      'Content-Type: multipart/report; report-type=feedback-report; boundary="b_1/kotatsu"',
    ],
    body: multipart([
      part('text/plain', `This is an email abuse report for an email message received from IP 192.0.2.10.\n`),
      part(
        'message/feedback-report',
        [`Feedback-Type: ${type}`, 'User-Agent: Kotatsu/1.0', 'Version: 1', ...lines, ''].join('\n'),
      ),
      part('message/rfc822', original),
    ]),
  });

export const cases: Case[] = [
  // late, but still tried
  {
    name: 'delayed: RFC 3464',
    kind: 'delayed',
    reports: [{ ...late, recipient: TAMA }],
    raw: dsn({
      subject: 'Delayed Mail (still being retried)',
      human:
        '####################################################################\n# THIS IS A WARNING ONLY.  YOU DO NOT NEED TO RESEND YOUR MESSAGE. #\n####################################################################',
      recipients: [
        [
          `Final-Recipient: rfc822; ${TAMA}`,
          'Action: delayed',
          'Status: 4.4.1',
          'Diagnostic-Code: X-Postfix; connect to mx.kotatsu.example[192.0.2.25]:25: Connection timed out',
          'Will-Retry-Until: Mon, 30 Nov 2026 10:00:00 +0900 (JST)',
        ],
      ],
    }),
  },
  {
    name: 'delayed: even when it says user unknown so far',
    kind: 'delayed',
    reports: [{ ...late, recipient: TAMA }],
    raw: dsn({
      recipients: [
        [
          `Final-Recipient: rfc822; ${TAMA}`,
          'Action: delayed',
          'Status: 4.1.1',
          'Diagnostic-Code: smtp; 450 4.1.1 user unknown',
        ],
      ],
    }),
  },
  {
    name: 'delayed: Exim',
    kind: 'delayed',
    reports: [{ ...late, recipient: TAMA }],
    raw: mail({
      from: 'Mail Delivery System <Mailer-Daemon@mx.kotatsu.example>',
      subject: 'Warning: message 1aBcDe-0001aB-Xy delayed 24 hours',
      fields: ['Auto-Submitted: auto-replied'],
      body: `This message was created automatically by mail delivery software.\nA message that you sent has not yet been delivered to one or more of its\nrecipients after more than 24 hours on the queue on mx.kotatsu.example.\n\nThe message identifier is:     1aBcDe-0001aB-Xy\nThe subject of the message is: Spring news\n\nThe address to which the message has not yet been delivered is:\n\n  ${TAMA}\n\nNo action is required on your part. Delivery attempts will continue for\nsome time, and this warning may be repeated at intervals if the message\nremains undelivered.\n`,
    }),
  },
  {
    name: 'delayed: Sendmail',
    kind: 'delayed',
    reports: [{ ...late, recipient: TAMA }],
    raw: mail({
      from: 'Mail Delivery Subsystem <MAILER-DAEMON@kotatsu.example>',
      subject: 'Warning: could not send message for past 4 hours',
      body: `    **********************************************\n    **      THIS IS A WARNING MESSAGE ONLY      **\n    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **\n    **********************************************\n\n   ----- The following addresses had transient non-fatal errors -----\n<${TAMA}>\n\n   ----- Transcript of session follows -----\n<${TAMA}>... Deferred: Connection timed out with mx.kotatsu.example.\nWarning: message still undelivered after 4 hours\nWill keep trying until message is 5 days old\n`,
    }),
  },
  {
    name: 'delayed: Gmail',
    kind: 'delayed',
    reports: [{ ...late, recipient: TAMA }],
    raw: mail({
      from: 'Mail Delivery Subsystem <mailer-daemon@googlemail.com>',
      subject: 'Delivery Status Notification (Delay)',
      body: `This is an automatically generated Delivery Status Notification\n\nTHIS IS A WARNING MESSAGE ONLY.\n\nYOU DO NOT NEED TO RESEND YOUR MESSAGE.\n\nDelivery to the following recipient has been delayed:\n\n     ${TAMA}\n\nMessage will be retried for 2 more day(s)\n`,
    }),
  },
  {
    name: 'delayed: OpenSMTPD',
    kind: 'delayed',
    reports: [{ ...late, recipient: TAMA }],
    raw: mail({
      from: 'Mailer Daemon <MAILER-DAEMON@kotatsu.example>',
      subject: 'Delivery status notification: warning',
      body: `    Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to this e-mail.\n\n    A message is delayed for more than 4 hours for the following\n    list of recipients:\n\n${TAMA}: Network error on destination MXs\n\n    Please note that this is only a temporary failure report.\n    The message is kept in the queue for up to 4 days.\n`,
    }),
  },
  {
    name: 'delayed: in Japanese',
    kind: 'delayed',
    reports: [{ ...late, recipient: TAMA }],
    raw: mail({
      from: 'postmaster@kotatsu.example',
      subject: '=?UTF-8?B?6YWN5L+h6YGF5bu2OiBTcHJpbmcgbmV3cw==?=',
      fields: [JA],
      body: `次の宛先へのメールの配信が遅延しています。再送を続けます。\n\n${TAMA}\n`,
    }),
  },
  // delivered
  {
    name: 'delivered: RFC 3464',
    kind: 'delivered',
    reports: [{ recipient: TAMA, reason: '', action: 'none' }],
    raw: dsn({
      subject: 'Successful Mail Delivery Report',
      human: 'Your message was successfully delivered to the destination(s) listed below.',
      recipients: [
        [
          `Final-Recipient: rfc822; ${TAMA}`,
          'Action: delivered',
          'Status: 2.0.0',
          'Diagnostic-Code: X-Postfix; delivery via local',
        ],
      ],
    }),
  },
  {
    name: 'delivered: relayed',
    kind: 'delivered',
    reports: [{ recipient: TAMA }],
    raw: dsn({
      subject: 'Delivery Status Notification (Relay)',
      recipients: [[`Final-Recipient: rfc822;${TAMA}`, 'Action: relayed', 'Status: 2.1.9']],
    }),
  },
  bounce(
    'one failed, one delivered, one late',
    dsn({
      recipients: [
        [`Final-Recipient: rfc822; ${TAMA}`, 'Action: failed', 'Status: 5.1.1'],
        ['Final-Recipient: rfc822; mike@kotatsu.example', 'Action: delivered', 'Status: 2.0.0'],
        ['Final-Recipient: rfc822; buchi@kotatsu.example', 'Action: delayed', 'Status: 4.2.2'],
      ],
    }),
    dead,
    { recipient: 'buchi@kotatsu.example', action: 'none' },
  ),
  none(
    'auto-reply',
    'auto-reply: a receipt (MDN)',
    mail({
      from: TAMA,
      subject: 'Read: Spring news',
      fields: [
        'MIME-Version: 1.0',
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="b_1/kotatsu"',
      ],
      body: multipart([
        part('text/plain', 'Your message was read.'),
        part(
          'message/disposition-notification',
          `Final-Recipient: rfc822;${TAMA}\nDisposition: manual-action/MDN-sent-manually; displayed`,
        ),
      ]),
    }),
  ),

  // complaints
  {
    name: 'complaint: RFC 5965',
    kind: 'complaint',
    reports: [{ recipient: TAMA, reason: '', action: 'suppress' }],
    raw: arf('abuse', [
      `Original-Mail-From: <${US}>`,
      `Original-Rcpt-To: <${TAMA}>`,
      'Source-IP: 192.0.2.10',
    ]),
  },
  {
    name: 'complaint: recipient only in the mail',
    kind: 'complaint',
    reports: [{ recipient: TAMA, action: 'suppress' }],
    raw: arf('abuse', []),
  },
  {
    name: 'complaint: recipient hidden',
    kind: 'complaint',
    reports: [{ recipient: '', action: 'suppress' }],
    raw: arf('abuse', [], `Received: x\nSubject: Spring news\nTo: undisclosed-recipients:;\n\ntext`),
  },
  {
    name: 'complaint: opt-out',
    kind: 'complaint',
    reports: [{ recipient: TAMA, action: 'suppress' }],
    raw: arf('opt-out', [`Removal-Recipient: ${TAMA}`]),
  },
  {
    name: 'complaint: a filter about DMARC suppresses nobody',
    kind: 'complaint',
    reports: [{ recipient: TAMA, reason: 'authentication', action: 'sender' }],
    raw: arf('auth-failure', [`Original-Rcpt-To: ${TAMA}`, 'Auth-Failure: dmarc']),
  },
  {
    name: 'complaint: not spam after all',
    kind: 'complaint',
    reports: [{ recipient: TAMA, action: 'none' }],
    raw: arf('not-spam', [`Original-Rcpt-To: ${TAMA}`]),
  },
  {
    name: 'complaint: Outlook.com',
    kind: 'complaint',
    reports: [{ recipient: TAMA, action: 'suppress' }],
    raw: mail({
      from: 'staff@hotmail.com',
      subject: 'complaint about message from 192.0.2.10',
      fields: ['MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary="b_1/kotatsu"'],
      body: multipart([
        part('message/rfc822', `X-HmXmrOriginalRecipient: <${TAMA}>\n${returned('hidden@hotmail.com')}`),
      ]),
    }),
  },

  // automata that answer for people
  none(
    'auto-reply',
    'auto-reply: RFC 3834',
    person('Re: Spring news', 'I am on holiday until Monday. My address no longer exists? No, it does.', [
      'Auto-Submitted: auto-replied',
    ]),
  ),
  none(
    'auto-reply',
    'auto-reply: Outlook',
    person('Automatic reply: Spring news', 'I am out of the office.', [
      'X-Auto-Response-Suppress: All',
      'Auto-Submitted: auto-generated',
    ]),
  ),
  none(
    'auto-reply',
    'auto-reply: who left, which is for people to decide',
    person(
      'Out of Office: Spring news',
      'Tama no longer works here and the mailbox is closed. Mail to this address could not be delivered to her.',
    ),
  ),
  none(
    'auto-reply',
    'auto-reply: Precedence',
    person('Thank you for your mail', 'We have received it.', ['Precedence: auto_reply']),
  ),
  none(
    'auto-reply',
    'auto-reply: vacation(1)',
    person('away from my mail', 'I will not be reading my mail for a while.', ['Precedence: bulk']),
  ),
  none(
    'auto-reply',
    'auto-reply: Apple',
    person('Re: Spring news', 'On leave.', ['X-Apple-Action: vacation']),
  ),
  ...(
    [
      ['Japanese: absent', '不在のお知らせ Re: 春のニュース'],
      ['Japanese: automatic', '自動返信: 春のニュース'],
      ['Japanese: brackets', '【自動返信】お問い合わせありがとうございます'],
      ['German', 'Automatische Antwort: Spring news'],
      ['German: absence', 'Abwesenheitsnotiz: Spring news'],
      ['French', 'Réponse automatique : Spring news'],
      ['Italian', 'Risposta automatica: Spring news'],
      ['Spanish', 'Respuesta automática: Spring news'],
      ['Portuguese', 'Resposta automática: Spring news'],
      ['Dutch', 'Automatisch antwoord: Spring news'],
      ['Polish', 'Automatyczna odpowiedź: Spring news'],
      ['Russian', 'Автоответ: Spring news'],
      ['Chinese', '自动回复: Spring news'],
      ['Korean', '자동 응답: Spring news'],
    ] as const
  ).map(([language, subject]) =>
    none(
      'auto-reply',
      `auto-reply: ${language}`,
      person(`=?UTF-8?B?${Buffer.from(subject).toString('base64')}?=`, 'Sorry!'),
    ),
  ),

  // no more, please
  ...[
    'unsubscribe',
    'Unsubscribe.',
    'STOP',
    'Please unsubscribe me.',
    'remove me from your list',
    'opt-out',
    'please stop sending me emails',
    '配信停止',
    '配信停止希望',
    '配信停止してください。',
    'メールの配信を停止してください',
    '配信解除をお願いします',
    '解除',
    '退会希望',
    '今後のメールは不要です',
    'メルマガ配信停止をお願い致します。',
    'もうメールはいりません',
  ].map((words) =>
    none(
      'unsubscribe',
      `unsubscribe: ${words}`,
      person(
        'Re: Spring news',
        `${words}\n\n> On Wed, Sender wrote:\n> Spring is here. To unsubscribe follow the link.\n`,
      ),
    ),
  ),
  none('unsubscribe', 'unsubscribe: in the subject', person('unsubscribe', '')),
  none(
    'unsubscribe',
    'unsubscribe: with a name and a salutation',
    person(
      'Re: 春のニュース',
      'ご担当者様\n\n配信停止をお願いします。\n\n田中たま\n\n2026年11月25日(水) 10:00 Sender <news@sender.example>:\n> 春です\n',
    ),
  ),
  // people
  none(
    'other',
    'a person asks',
    person(
      'Re: Spring news',
      'How can I unsubscribe my colleague, who has left, from your newsletter? She was not delivered anything lately.',
    ),
  ),
  none(
    'other',
    'a person whose words only quote the command',
    person('Re: Spring news', 'Thank you, I like it!\n\n> unsubscribe\n> 配信停止\n'),
  ),
  none(
    'other',
    'a person writes of stopping',
    person(
      'Re: 春のニュース',
      '配信停止の方法が分かりません。教えていただけますか。以前もお尋ねしましたが、まだお返事をいただいておりません。よろしくお願いいたします。',
    ),
  ),
  none(
    'other',
    'a newsletter about bounces',
    mail({
      from: 'Deliverability Weekly <hello@irori.example>',
      subject: 'How to lower your bounce rate',
      body: 'When mail could not be delivered, look at the code: 550 5.1.1 user unknown means that tama@kotatsu.example does not exist.\n',
    }),
  ),
  none('other', 'an empty mail', ''),

  // unusual build
  bounce(
    'a bounce forwarded whole',
    mail({
      from: `Colleague <colleague@sender.example>`,
      subject: 'Fwd: fyi',
      fields: ['MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary="outer"'],
      body: multipart(
        [
          part('text/plain', 'See below.'),
          part(
            'message/rfc822',
            dsn({ recipients: [[`Final-Recipient: rfc822; ${TAMA}`, 'Action: failed', 'Status: 5.1.1']] }),
          ),
        ],
        'outer',
      ),
    }),
    dead,
  ),
  bounce(
    'no closing boundary',
    dsn({ recipients: [[`Final-Recipient: rfc822; ${TAMA}`, 'Action: failed', 'Status: 5.1.1']] }).replace(
      '--b_1/kotatsu--\n',
      '',
    ),
    dead,
  ),
  bounce(
    'boundary parameter lost',
    dsn({ recipients: [[`Final-Recipient: rfc822; ${TAMA}`, 'Action: failed', 'Status: 5.1.1']] }).replace(
      '; boundary="b_1/kotatsu"',
      '',
    ),
    dead,
  ),
  bounce(
    'all flattened into one text',
    mail({
      subject: 'Undelivered Mail',
      body: `This is the mail system.\n\n--x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.kotatsu.example\n\nFinal-Recipient: rfc822; ${TAMA}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 unknown user\n\n--x\nContent-Type: message/rfc822\n\n${returned()}`,
    }),
    dead,
  ),
  bounce(
    'CRLF',
    dsn({
      recipients: [
        [
          `Final-Recipient: rfc822; ${TAMA}`,
          'Action: failed',
          'Status: 5.1.1',
          'Diagnostic-Code: smtp; 550 5.1.1',
          ' User unknown',
        ],
      ],
    }).replaceAll('\n', '\r\n'),
    dead,
  ),
  bounce(
    'with an mbox envelope',
    `From MAILER-DAEMON Wed Nov 25 10:00:00 2026\n${dsn({ recipients: [[`Final-Recipient: rfc822; ${TAMA}`, 'Action: failed', 'Status: 5.1.1']] })}`,
    dead,
  ),
  bounce(
    'no Final-Recipient: the words tell',
    dsn({ human: `<${TAMA}>: unknown user`, recipients: [['Action: failed', 'Status: 5.1.1']] }),
    dead,
  ),
  bounce(
    'no recipient anywhere but in the returned head',
    dsn({ human: 'Sorry.', recipients: [['Action: failed', 'Status: 5.1.1']] }),
    dead,
  ),
  bounce(
    'no Action field',
    dsn({ recipients: [[`Final-Recipient: rfc822; ${TAMA}`, 'Status: 5.1.1']] }),
    dead,
  ),
  bounce(
    'no empty line between recipients',
    dsn({
      recipients: [
        [
          `Final-Recipient: rfc822; ${TAMA}`,
          'Action: failed',
          'Status: 5.1.1',
          'Final-Recipient: rfc822; mike@kotatsu.example',
          'Action: failed',
          'Status: 5.2.2',
        ],
      ],
    }),
    dead,
    { recipient: 'mike@kotatsu.example', reason: 'mailbox-full', action: 'count' },
  ),
  bounce(
    'ten recipients',
    dsn({
      recipients: Array.from({ length: 10 }, (_, i) => [
        `Final-Recipient: rfc822; cat${i}@kotatsu.example`,
        'Action: failed',
        'Status: 5.1.1',
      ]),
    }),
    ...Array.from({ length: 10 }, (_, i) => ({
      recipient: `cat${i}@kotatsu.example`,
      action: 'suppress' as const,
    })),
  ),
  bounce(
    'forwarded elsewhere: the address that we know counts',
    dsn({
      recipients: [
        [
          'Original-Recipient: rfc822; tama@kotatsu.example',
          'Final-Recipient: rfc822; secret@irori.example',
          'Action: failed',
          'Status: 5.1.1',
        ],
      ],
    }),
    dead,
  ),
  bounce(
    'internationalised (RFC 6533)',
    dsn({
      recipients: [['Final-Recipient: utf-8; \\x{732B}@kotatsu.example', 'Action: failed', 'Status: 5.1.1']],
    }),
    { recipient: '猫@kotatsu.example', action: 'suppress' },
  ),
  bounce(
    'ORCPT that nobody decoded',
    dsn({
      recipients: [
        [
          'Original-Recipient: rfc822; tama+40kotatsu.example',
          'Action: failed',
          'Status: 5.1.1',
          'Final-Recipient: rfc822; tama',
        ],
      ],
    }),
    dead,
  ),
  bounce(
    'delivery-status in base64',
    mail({
      from: 'MAILER-DAEMON@mx.kotatsu.example',
      fields: [
        'MIME-Version: 1.0',
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b_1/kotatsu"',
      ],
      body: multipart([
        part('text/plain; charset=utf-8', Buffer.from('配信できませんでした').toString('base64'), [
          'Content-Transfer-Encoding: base64',
        ]),
        part(
          'message/delivery-status',
          Buffer.from(
            `Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; ${TAMA}\r\nAction: failed\r\nStatus: 5.1.1\r\n`,
          ).toString('base64'),
          ['Content-Transfer-Encoding: base64'],
        ),
      ]),
    }),
    dead,
  ),
  bounce(
    'only the head came back (RFC 6522)',
    mail({
      from: 'MAILER-DAEMON@mx.kotatsu.example',
      subject: 'failure',
      fields: [
        'MIME-Version: 1.0',
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b_1/kotatsu"',
      ],
      body: multipart([
        part('text/plain', 'x'),
        part(
          'message/delivery-status',
          `Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; ${TAMA}\nAction: failed\nStatus: 5.1.1\n`,
        ),
        part('text/rfc822-headers', returned()),
      ]),
    }),
    dead,
  ),
  bounce(
    'status part empty: the words tell',
    dsn({
      human: `<${TAMA}>: 550 5.1.1 User unknown`,
      perMessage: ['Reporting-MTA: dns; x'],
      recipients: [],
    }),
    dead,
  ),
  bounce(
    'an auto-submitted bounce is no auto-reply',
    mail({
      from: 'Mail Delivery System <MAILER-DAEMON@mx.kotatsu.example>',
      subject: 'Undelivered Mail Returned to Sender',
      fields: ['Auto-Submitted: auto-replied'],
      body: `<${TAMA}>: unknown user: "tama"\n`,
    }),
    dead,
  ),
];
