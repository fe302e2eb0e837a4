/** Reports by mailbox providers, carriers and delivery services, and by servers that nobody could name. */
import { bounce, type Case, dsn, mail, multipart, part, returned, TAMA, US } from './build.ts';

const dead = { recipient: TAMA, reason: 'unknown-user', action: 'suppress' } as const;
const JA = 'Content-Type: text/plain; charset=UTF-8';

const gmail = (reply: string, to = TAMA): string =>
  mail({
    from: 'Mail Delivery Subsystem <mailer-daemon@googlemail.com>',
    subject: 'Delivery Status Notification (Failure)',
    fields: [`X-Failed-Recipients: ${to}`],
    body: `Delivery to the following recipient failed permanently:\n\n     ${to}\n\nTechnical details of permanent failure: \nGoogle tried to deliver your message, but it was rejected by the recipient domain. We recommend contacting the other email provider for further information about the cause of this error. The error that the other server returned was: ${reply}\n\n   ----- Original message -----\n\n${returned(to)}`,
  });

const au = (body: string, fields: string[] = [], to = 'tama@ezweb.ne.jp'): string =>
  mail({
    from: 'Postmaster@ezweb.ne.jp',
    subject: 'Mail System Error - Returned Mail',
    fields: [
      'Received: from ezweb.ne.jp (wmflb12na02.ezweb.ne.jp [192.0.2.30])',
      ...fields,
      'Content-Type: multipart/mixed; boundary="b_1/kotatsu"',
    ],
    body: multipart([part('text/plain', body), part('message/rfc822', returned(to))]),
  });

const kddi = (body: string, fields: string[] = []): string =>
  mail({
    from: 'no-reply@app.dion.ne.jp',
    subject: 'Mail Delivery Error',
    fields: [...fields, 'Received: from mx.ezweb.ne.jp (mx [192.0.2.31])'],
    body: `Your mail sent on: Wed, 25 Nov 2026 10:00:00 +0900\n${body}\n`,
  });

export const cases: Case[] = [
  bounce('Gmail, until 2016: at RCPT', gmail(`550 550 5.1.1 <${TAMA}>... User unknown (state 14).`), {
    ...dead,
    phase: 'rcpt',
  }),
  bounce('Gmail, until 2016: after the text', gmail('554 554 5.7.1 Message refused as spam (state 18).'), {
    recipient: TAMA,
    reason: 'spam',
    phase: 'dot',
  }),
  bounce('Gmail: full', gmail('552 552 5.2.2 Mailbox full (state 14).'), {
    recipient: TAMA,
    reason: 'mailbox-full',
    action: 'count',
  }),
  bounce(
    'Gmail: domain not found',
    mail({
      from: 'Mail Delivery Subsystem <mailer-daemon@googlemail.com>',
      subject: 'Delivery Status Notification (Failure)',
      fields: [`X-Failed-Recipients: ${TAMA}`],
      body: `Delivery to the following recipient failed permanently:\n\n     ${TAMA}\n\nTechnical details of permanent failure: \nDNS Error: Domain name not found\n\n----- Original message -----\n\n${returned()}`,
    }),
    { recipient: TAMA, reason: 'unknown-host', action: 'suppress' },
  ),
  bounce(
    'Gmail: address not found',
    dsn({
      from: 'Mail Delivery Subsystem <mailer-daemon@googlemail.com>',
      subject: 'Delivery Status Notification (Failure)',
      fields: [`X-Failed-Recipients: ${TAMA}`],
      human: `** Address not found **\n\nYour message wasn't delivered to ${TAMA} because the address couldn't be found, or is unable to receive mail.\n\nThe response from the remote server was:\n550 5.1.1 <${TAMA}>... User unknown`,
      perMessage: [
        'Reporting-MTA: dns; googlemail.com',
        'Arrival-Date: Tue, 24 Nov 2026 17:00:00 -0800 (PST)',
        'X-Original-Message-ID: <42.abc@sender.example>',
      ],
      recipients: [
        [
          `Final-Recipient: rfc822; ${TAMA}`,
          'Action: failed',
          'Status: 5.1.1',
          'Remote-MTA: dns; mx.kotatsu.example. (192.0.2.25, the server for the domain kotatsu.example.)',
          `Diagnostic-Code: smtp; 550 5.1.1 <${TAMA}>... User unknown`,
          'Last-Attempt-Date: Tue, 24 Nov 2026 17:00:01 -0800 (PST)',
        ],
      ],
    }),
    dead,
  ),
  bounce(
    'Gmail: domain not found, with status',
    dsn({
      from: 'Mail Delivery Subsystem <mailer-daemon@googlemail.com>',
      subject: 'Delivery Status Notification (Failure)',
      human: `** Address not found **\n\nYour message wasn't delivered to ${TAMA} because the domain kotatsu.example couldn't be found.`,
      recipients: [
        [
          `Final-Recipient: rfc822; ${TAMA}`,
          'Action: failed',
          'Status: 4.0.0',
          "Diagnostic-Code: smtp; DNS Error: DNS type 'mx' lookup of kotatsu.example responded with code NXDOMAIN\n Domain name not found: kotatsu.example",
        ],
      ],
    }),
    { recipient: TAMA, reason: 'unknown-host' },
  ),
  bounce(
    'Google Groups',
    mail({
      from: 'Mail Delivery Subsystem <mailer-daemon@googlemail.com>',
      subject: 'Delivery Status Notification (Failure)',
      fields: ['X-Failed-Recipients: neko@kotatsu.example', 'Content-Type: text/plain; charset=UTF-8'],
      body: `Hello ${US},\n\nWe're writing to let you know that the group you tried to contact (neko) may not exist, or you may not have permission to post messages to the group. A few more details on why you weren't able to post:\n\n * You might have spelled or formatted the group name incorrectly.\n\n----- Original message -----\n\n${returned('neko@kotatsu.example')}`,
    }),
    { recipient: 'neko@kotatsu.example', reason: 'policy', action: 'sender' },
  ),
  bounce(
    'Yahoo: before it spoke like qmail',
    mail({
      from: 'MAILER-DAEMON@yahoo.example',
      subject: 'Delivery failure',
      body: `Message from  yahoo.example.\nUnable to deliver message to the following address(es).\n\n<${TAMA}>:\nThis user doesn't have a yahoo.example account (${TAMA}) [0]\n\n--- Original message follows.\n\n${returned()}`,
    }),
    dead,
  ),
  bounce(
    'Zoho',
    mail({
      from: 'mailer-daemon@mail.zoho.example',
      subject: 'Undelivered Mail Returned to Sender',
      fields: [`X-Failed-Recipients: ${TAMA}`],
      body: `This message was created automatically by mail delivery software.\n A message that you sent could not be delivered to one or more of its recipients. This is a permanent error. \n\n${TAMA} Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 <${TAMA}>... User Unknown\n\nReceived: from out.sender.example by mx.zoho.example\n`,
    }),
    { ...dead, status: '5.1.1' },
  ),
  bounce(
    'Zoho: expired',
    mail({
      from: 'mailer-daemon@mail.zoho.example',
      subject: 'Delivery Status Notification (Failure)',
      fields: [`X-Failed-Recipients: ${TAMA}`],
      body: `This message was created automatically by mail delivery software.\nA message that you sent could not be delivered to one or more of its recipients. This is a permanent error.\n\n${TAMA} Message expired: host not reachable within the allowed queue period\n`,
    }),
    { recipient: TAMA, reason: 'expired', action: 'count' },
  ),
  bounce(
    'Yandex',
    dsn({
      from: 'mailer-daemon@yandex.example',
      subject: 'Undelivered mail',
      fields: ['X-Yandex-Forward: 10104c00ad0726da5f37374723b1e0c8'],
      human: 'This is the mail delivery system of Yandex.',
      perMessage: ['Reporting-MTA: dns; forward1.yandex.example'],
      recipients: [
        [
          `Final-Recipient: rfc822; ${TAMA}`,
          `Original-Recipient: rfc822;${TAMA}`,
          'Action: failed',
          'Status: 5.1.1',
          'Remote-MTA: dns; mx.kotatsu.example',
          `Diagnostic-Code: smtp; 550 5.1.1 <${TAMA}> User unknown in virtual mailbox table`,
        ],
      ],
    }),
    dead,
  ),
  bounce(
    'AOL',
    dsn({
      from: 'Mail Delivery Subsystem <MAILER-DAEMON@aol.example>',
      subject: 'Undeliverable: Spring news',
      recipients: [
        [
          `Final-Recipient: rfc822; ${TAMA}`,
          'Action: failed',
          'Status: 5.2.2',
          'Diagnostic-Code: smtp; 552 5.2.2 MAILBOX FULL',
        ],
      ],
    }),
    { recipient: TAMA, reason: 'mailbox-full', action: 'count' },
  ),
  bounce(
    'Facebook',
    dsn({
      from: 'Facebook <mailer-daemon@mx.facebook.example>',
      subject: 'Sorry, your message could not be delivered',
      human:
        'This message was created automatically by Facebook.\n\nSorry, your message could not be delivered.',
      recipients: [
        [
          'Final-Recipient: rfc822; tama@facebook.com',
          'Action: failed',
          'Status: 5.1.1',
          'Diagnostic-Code: smtp; 550 5.1.1 RCP-P2\n http://postmaster.facebook.com/response_codes?ip=192.0.2.10#rcp Refused due\n to recipient preferences',
        ],
      ],
    }),
    { recipient: 'tama@facebook.com', reason: 'filtered', action: 'count' },
  ),
  bounce(
    'Amazon SES',
    dsn({
      from: 'MAILER-DAEMON@email-bounces.amazonses.example',
      subject: 'Delivery Status Notification (Failure)',
      human: `An error occurred while trying to deliver the mail to the following recipients:\n${TAMA}`,
      recipients: [
        [
          `Final-Recipient: rfc822; ${TAMA}`,
          'Action: failed',
          'Status: 5.1.1',
          'Remote-MTA: dns; mx.kotatsu.example',
          `Diagnostic-Code: smtp; 550 5.1.1 <${TAMA}>... User Unknown`,
        ],
      ],
    }),
    dead,
  ),
  bounce(
    'Amazon SES: its own list',
    dsn({
      from: 'MAILER-DAEMON@email-bounces.amazonses.example',
      subject: 'Delivery Status Notification (Failure)',
      human: 'An error occurred.',
      recipients: [
        [
          `Final-Recipient: rfc822; ${TAMA}`,
          'Action: failed',
          'Status: 5.1.1',
          'Diagnostic-Code: Amazon SES has suppressed sending to this address because it has a recent history of bouncing as an invalid address.',
        ],
      ],
    }),
    { recipient: TAMA, reason: 'filtered', action: 'count' },
  ),
  bounce(
    'Amazon SES by SNS',
    mail({
      from: 'no-reply@sns.amazonaws.example',
      subject: 'AWS Notification Message',
      body: JSON.stringify({
        notificationType: 'Bounce',
        bounce: {
          bounceType: 'Permanent',
          bounceSubType: 'General',
          bouncedRecipients: [
            {
              emailAddress: TAMA,
              action: 'failed',
              status: '5.1.1',
              diagnosticCode: `smtp; 550 5.1.1 <${TAMA}>... User unknown`,
            },
          ],
        },
        mail: { destination: [TAMA], commonHeaders: { messageId: '<42.abc@sender.example>' } },
      }),
    }),
    dead,
  ),
  bounce(
    'Amazon SES in the envelope of SNS',
    mail({
      from: 'no-reply@sns.amazonaws.example',
      subject: 'AWS Notification Message',
      body: `${JSON.stringify({ Type: 'Notification', Message: JSON.stringify({ eventType: 'Bounce', bounce: { bounceType: 'Transient', bounceSubType: 'MailboxFull', bouncedRecipients: [{ emailAddress: TAMA }] }, mail: {} }) })}\n--\nIf you wish to stop receiving notifications from this topic, visit the link.\n`,
    }),
    { recipient: TAMA, reason: 'mailbox-full', action: 'count' },
  ),
  bounce(
    'Amazon WorkMail',
    mail({
      from: 'AmazonMail <postmaster@amazonworkmail.example>',
      subject: 'Delivery Status Notification (Failure)',
      fields: ['X-Mailer: Amazon WorkMail'],
      body: `The following message to <${TAMA}> was undeliverable.\nThe reason for the problem:\n5.1.0 - Unknown address error 550-'5.1.1 <${TAMA}>... User unknown'\n\nTechnical report:\n\nReporting-MTA: dns; mx.amazonworkmail.example\nFinal-Recipient: rfc822;${TAMA}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550-'5.1.1 <${TAMA}>... User unknown'\n`,
    }),
    dead,
  ),
  bounce(
    'SendGrid',
    dsn({
      from: 'MAILER-DAEMON <mailer-daemon@sendgrid.example>',
      subject: 'Undelivered Mail Returned to Sender',
      human: `This is an automatically generated message from SendGrid.\n\nI'm sorry to have to tell you that your message was not able to be delivered to one of its intended recipients.\n\n<${TAMA}>: 550 5.1.1 unknown user`,
      perMessage: [
        'X-SendGrid-QueueID: 12345',
        'X-SendGrid-Sender: <news@sender.example>',
        'Arrival-Date: 2026-11-25 10-00-00',
      ],
      recipients: [
        [
          `Original-Recipient: ${TAMA}`,
          `Final-Recipient: ${TAMA}`,
          'Action: failed',
          'Status: 5.1.1',
          'Diagnostic-Code: 550 5.1.1 unknown user',
        ],
      ],
    }),
    dead,
  ),
  bounce(
    'PowerMTA without words',
    dsn({
      subject: 'Delivery report',
      recipients: [
        [
          `Final-Recipient: rfc822;${TAMA}`,
          'Action: failed',
          'Status: 5.0.0 (undefined status)',
          'X-PowerMTA-VirtualMTA: v1',
          'X-PowerMTA-BounceCategory: bad-mailbox',
        ],
      ],
    }),
    dead,
  ),
  bounce(
    'Mimecast',
    dsn({
      from: 'Mail Delivery System <MAILER-DAEMON@mimecast.example>',
      subject: '[Postmaster] Email Delivery Failure',
      human: `The email you sent could not be delivered to ${TAMA}.`,
      recipients: [
        [
          `Final-Recipient: rfc822; ${TAMA}`,
          'Action: failed',
          'Status: 5.4.1',
          'Diagnostic-Code: smtp; 550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550',
        ],
      ],
    }),
    dead,
  ),

  bounce(
    'docomo: what Postfix wrote at RCPT',
    dsn({
      recipients: [
        [
          'Final-Recipient: rfc822; tama@docomo.ne.jp',
          'Original-Recipient: rfc822;tama@docomo.ne.jp',
          'Action: failed',
          'Status: 5.0.0',
          'Remote-MTA: dns; mfsmax.docomo.ne.jp',
          'Diagnostic-Code: smtp; 550 Unknown user tama@docomo.ne.jp',
        ],
      ],
      human:
        '<tama@docomo.ne.jp>: host mfsmax.docomo.ne.jp[192.0.2.40] said: 550 Unknown user\n    tama@docomo.ne.jp (in reply to RCPT TO command)',
      original: returned('tama@docomo.ne.jp'),
    }),
    { recipient: 'tama@docomo.ne.jp', reason: 'unknown-user', action: 'suppress', phase: 'rcpt' },
  ),
  bounce(
    'docomo: what Postfix wrote at the dot',
    dsn({
      recipients: [
        [
          'Final-Recipient: rfc822; tama@docomo.ne.jp',
          'Action: failed',
          'Status: 5.0.0',
          'Remote-MTA: dns; mfsmax.docomo.ne.jp',
          'Diagnostic-Code: smtp; 550 Unknown user tama@docomo.ne.jp',
        ],
      ],
      human:
        '<tama@docomo.ne.jp>: host mfsmax.docomo.ne.jp[192.0.2.40] said: 550 Unknown user\n    tama@docomo.ne.jp (in reply to end of DATA command)',
      original: returned('tama@docomo.ne.jp'),
    }),
    { recipient: 'tama@docomo.ne.jp', reason: 'filtered', action: 'count', phase: 'dot' },
  ),
  bounce(
    'docomo by Sendmail: after DATA',
    mail({
      from: 'Mail Delivery Subsystem <MAILER-DAEMON@kotatsu.example>',
      subject: 'Returned mail: see transcript for details',
      body: `   ----- The following addresses had permanent fatal errors -----\n<tama@docomo.ne.jp>\n    (reason: 550 Unknown user tama@docomo.ne.jp)\n\n   ----- Transcript of session follows -----\n... while talking to mfsmax.docomo.ne.jp.:\n>>> DATA\n<<< 550 Unknown user tama@docomo.ne.jp\n554 5.0.0 Service unavailable\n\n   ----- Original message follows -----\n${returned('tama@docomo.ne.jp')}`,
    }),
    { recipient: 'tama@docomo.ne.jp', reason: 'filtered', action: 'count', phase: 'data' },
  ),
  bounce(
    'docomo: dots that RFC 5321 forbids',
    dsn({
      recipients: [
        [
          'Final-Recipient: rfc822; tama..neko.@docomo.ne.jp',
          'Action: failed',
          'Status: 5.1.1',
          'Diagnostic-Code: smtp; 550 5.1.1 Unknown user (in reply to RCPT TO command)',
        ],
      ],
      original: returned('"tama..neko."@docomo.ne.jp'),
    }),
    { recipient: 'tama..neko.@docomo.ne.jp', reason: 'unknown-user', action: 'suppress' },
  ),
  bounce(
    'au: refused at RCPT',
    au(
      'Each of the following recipients was rejected by a remote mail server.\nThe reasons given by the server are included to help you determine why\neach recipient was rejected.\n\n    Recipient: <tama@ezweb.ne.jp>\n    >>> RCPT TO:<tama@ezweb.ne.jp>\n    <<< 550 <tama@ezweb.ne.jp>: User unknown\n\n',
    ),
    { recipient: 'tama@ezweb.ne.jp', reason: 'unknown-user', action: 'suppress', phase: 'rcpt' },
  ),
  bounce(
    'au: disabled',
    au(
      'The user(s) account is disabled.\n\n<tama@ezweb.ne.jp>: 550 user unknown (in reply to RCPT TO command)\n\n',
    ),
    { recipient: 'tama@ezweb.ne.jp' },
  ),
  bounce('au: limited', au('The user(s) account is temporarily limited.\n\n<tama@ezweb.ne.jp>\n\n'), {
    recipient: 'tama@ezweb.ne.jp',
    reason: 'suspended',
    action: 'count',
  }),
  bounce('au: full', au('The user(s) account is temporarily over quota.\n\n<tama@ezweb.ne.jp>\n\n'), {
    recipient: 'tama@ezweb.ne.jp',
    reason: 'mailbox-full',
    action: 'count',
  }),
  bounce(
    'au: not delivered in time',
    au(
      'Your message was not delivered within 0 days and 1 hours.\nRemote host is not responding.\n\nThe following recipients did not receive this message:\n\n<tama@ezweb.ne.jp>\n\n',
    ),
    { recipient: 'tama@ezweb.ne.jp', reason: 'expired', action: 'count' },
  ),
  bounce(
    'au: spam filter of the reader',
    au('The following recipients did not receive this message:\n\n<tama@ezweb.ne.jp>\n\n', ['X-SPASIGN: NG']),
    { recipient: 'tama@ezweb.ne.jp', reason: 'filtered', action: 'count' },
  ),
  bounce(
    'KDDI: full',
    kddi('    Could not be delivered to: <tama@dion.ne.jp>\n    As their mailbox is full.'),
    { recipient: 'tama@dion.ne.jp', reason: 'mailbox-full', action: 'count' },
  ),
  bounce(
    'KDDI: no such domain',
    kddi('    Could not be delivered to: <tama@dion.ne.jp>\n    As the remote domain doesnt exist.'),
    { recipient: 'tama@dion.ne.jp', reason: 'unknown-host', action: 'suppress' },
  ),
  bounce(
    'SoftBank by Postfix',
    dsn({
      recipients: [
        [
          'Final-Recipient: rfc822; tama@softbank.ne.jp',
          'Action: failed',
          'Status: 5.0.0',
          'Diagnostic-Code: smtp; 550 Invalid recipient: <tama@softbank.ne.jp>',
        ],
      ],
      human:
        '<tama@softbank.ne.jp>: host mx.softbank.ne.jp[192.0.2.41] said: 550 Invalid\n    recipient: <tama@softbank.ne.jp> (in reply to RCPT TO command)',
      original: returned('tama@softbank.ne.jp'),
    }),
    { recipient: 'tama@softbank.ne.jp', reason: 'unknown-user', action: 'suppress', phase: 'rcpt' },
  ),
  bounce(
    'WILLCOM',
    mail({
      from: 'mail-daemon@wm.kotatsu.example',
      subject: 'Mail could not be delivered',
      body: `We failed to deliver mail because the following address recipient id refuse to receive mail.\n\n${TAMA}\n`,
    }),
    { recipient: TAMA, reason: 'filtered', action: 'count' },
  ),
  bounce(
    'BIGLOBE: full',
    mail({
      from: 'postmaster@biglobe.ne.jp',
      subject: 'Returned mail: Unable to deliver your mail',
      fields: ['MIME-Version: 1.0', 'Content-Type: multipart/report; boundary="b_1/kotatsu"'],
      body: multipart([
        part(
          'text/plain; charset="iso-2022-jp"',
          "   ----- The following addresses had delivery problems -----\ntama@kotatsu.biglobe.ne.jp\n\n   ----- Non-delivered information -----\nThe number of messages in recipient's mailbox exceeded the local limit.\n",
        ),
        part('message/rfc822', returned('tama@kotatsu.biglobe.ne.jp')),
      ]),
    }),
    { recipient: 'tama@kotatsu.biglobe.ne.jp', reason: 'mailbox-full', action: 'count' },
  ),
  bounce(
    'Verizon: text messages',
    mail({
      from: 'post_master@vtext.example',
      subject: 'Undeliverable Message',
      body: `Error: Message delivery failed.\n\nMessage details:\n  Subject: Spring news\n  Sent date: Wed Nov 25 02:21:53 GMT 2026\n  MAIL FROM: ${US}\n  RCPT TO: tama@vtext.example\n\n550 - Requested action not taken: no such user here\n`,
    }),
    { recipient: 'tama@vtext.example', reason: 'unknown-user', action: 'suppress' },
  ),
  bounce(
    'Verizon: picture messages',
    mail({
      from: '<sysadmin@mms.vzwpix.example>',
      subject: 'Undeliverable Message',
      body: `Message could not be delivered to mobile.\nError: No valid recipients for this MM\n\nOriginal Message:\nFrom: Sender <${US}>\nTo: 0000000000@vzwpix.example\nSubject: Spring news\nDate: Wed, 25 Nov 2026 10:00:00 +0000\n`,
    }),
    { recipient: '0000000000@vzwpix.example', reason: 'unknown-user', action: 'suppress' },
  ),

  bounce(
    'unknown server 1: reason in brackets',
    mail({
      from: '"Mail Deliver System" <postmaster@kotatsu.example>',
      subject: 'Returned Mail: Spring news',
      body: `The original message was received at Wed, 25 Nov 2026 10:00:00 +0900 (JST)\nfrom ${US}\n\n---The following addresses had delivery errors---\n\n${TAMA} [User unknown]\n\nReceived: from 192.0.2.10\n`,
    }),
    dead,
  ),
  bounce(
    'unknown server 2',
    mail({
      from: 'MAILER-DAEMON@kotatsu.example',
      subject: 'Delivery failure',
      body: `Message from kotatsu.example.\nUnable to deliver message to the following address(es).\n\n<${TAMA}>:\nSorry, no mailbox here by that name.\n\n--- Original message follows.\n`,
    }),
    dead,
  ),
  bounce(
    'unknown server 3: technical details apart',
    mail({
      from: 'Mail Delivery System <MAILER-DAEMON@kotatsu.example>',
      subject: 'Delivery status notification',
      body: `============================================================================\n      This is an automatically generated Delivery Status Notification.      \n\nDelivery to the following recipients failed permanently:\n\n  * ${TAMA}\n\n\n============================================================================\n                             Technical details:                             \n\nSMTP:RCPT host 192.0.2.25: 553 5.3.0 <${TAMA}>... No such user here\n\n\n============================================================================\n`,
    }),
    { ...dead, phase: 'rcpt' },
  ),
  bounce(
    'unknown server 5: HTML',
    mail({
      from: 'Mail Delivery System <TWFpbCBEZWxpdmVyeSBTeXN0ZW0@kotatsu.example>',
      subject: 'Undeliverable Mail',
      fields: ['Content-Type: text/html; charset=utf-8'],
      body: `<html><body><h1>Returned mail</h1><table><tr><td>Recipient:</td><td>&lt;${TAMA}&gt;</td></tr><tr><td>Reason:</td><td>550 5.1.1 User unknown</td></tr></table></body></html>`,
    }),
    dead,
  ),
  bounce(
    'unknown server 6',
    mail({
      from: 'Postmaster <postmaster@kotatsu.example>',
      subject: 'There was an error sending your mail',
      body: `We had trouble delivering your message. Full details follow:\n\nSubject: 'Spring news'\nDate: 'Wed, 25 Nov 2026 10:00:00 +0900'\n\n1 error(s):\n\nSMTP Server <mx.kotatsu.example> rejected recipient <${TAMA}> \n  (Error following RCPT command). It responded as follows: [550 5.1.1 User unknown]\n`,
    }),
    { ...dead, phase: 'rcpt' },
  ),
  bounce(
    'only prose, in Japanese',
    mail({
      from: 'MAILER-DAEMON@kotatsu.example',
      subject: '=?UTF-8?B?6YWN5L+h44Ko44Op44O8?=',
      fields: [JA],
      body: `お客様が送信されたメールは、次の宛先に配信できませんでした。\n\n宛先：${TAMA}\n理由：宛先のユーザーが存在しません。\n`,
    }),
    dead,
  ),
  bounce(
    'only prose, in ISO-2022-JP',
    mail({
      from: 'postmaster@kotatsu.example',
      subject: 'Returned mail',
      fields: ['Content-Type: text/plain; charset=ISO-2022-JP'],
      body: `\u001b$B%a!<%k$rG[?.$G$-$^$;$s$G$7$?!#\u001b(B\n\n${TAMA}\n  550 5.1.1 User unknown\n`,
    }),
    dead,
  ),
  bounce(
    'a freemail provider, in German',
    mail({
      from: 'Mail Delivery System <mailer-daemon@kotatsu.example>',
      subject: 'Unzustellbar: Spring news',
      fields: [JA],
      body: `Ihre Nachricht konnte nicht zugestellt werden an:\n\n${TAMA}\n\nDer Empfänger ist unbekannt.\n`,
    }),
    dead,
  ),
  bounce(
    'a full mailbox, in French',
    mail({
      from: 'MAILER-DAEMON@kotatsu.example',
      subject: 'Message non distribué',
      fields: [JA],
      body: `Votre message n'a pas pu être distribué.\n\n<${TAMA}> : boîte aux lettres pleine\n`,
    }),
    { recipient: TAMA, reason: 'mailbox-full', action: 'count' },
  ),
  bounce(
    'no recipient named, but the mail came back',
    mail({
      from: 'MAILER-DAEMON@kotatsu.example',
      subject: 'Undeliverable mail',
      fields: ['MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary="b_1/kotatsu"'],
      body: multipart([
        part('text/plain', 'Your mail could not be delivered: no such user.'),
        part('message/rfc822', returned()),
      ]),
    }),
    dead,
  ),
];
