/** Reports by Exchange, Domino, GroupWise, gateways and filters: what stands on Windows and in boxes. */
import { bounce, type Case, dsn, mail, multipart, part, returned, TAMA, US } from './build.ts';

const dead = { recipient: TAMA, reason: 'unknown-user', action: 'suppress' } as const;

const exchange2003 = (lines: string): string =>
  mail({
    from: 'System Administrator <postmaster@kotatsu.example>',
    subject: 'Undeliverable: Spring news',
    fields: [
      'X-MS-Embedded-Report:',
      'X-Mailer: Internet Mail Service (5.5.2657.72)',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary="b_1/kotatsu"',
    ],
    body: multipart([
      part(
        'text/plain; charset="iso-8859-1"',
        `Your message\n\n  To:      ${TAMA}\n  Subject: Spring news\n  Sent:    Wed, 25 Nov 2026 10:00:00 +0900\n\ndid not reach the following recipient(s):\n\n${lines}\n`,
      ),
      part('message/rfc822', returned()),
    ]),
  });

const exchange2007 = (body: string, subject = 'Undeliverable: Spring news', charset = 'us-ascii'): string =>
  mail({
    from: '<postmaster@kotatsu.example>',
    subject,
    fields: [
      'Content-Language: en-US',
      'MIME-Version: 1.0',
      `Content-Type: text/plain; charset="${charset}"`,
    ],
    body,
  });

export const cases: Case[] = [
  bounce(
    'Exchange 5.5: not recognised',
    exchange2003(
      `${TAMA} on Wed, 25 Nov 2026 10:00:02 +0900\n    The recipient name is not recognized\n\tThe MTS-ID of the original message is: c=jp;a= ;p=neko\n;l=EXCHANGE-0001\n    MSEXCH:IMS:KOTATSU:EXAMPLE:EXCHANGE 0 (000C05A6) Unknown Recipient`,
    ),
    dead,
  ),
  bounce(
    'Exchange 5.5: what the remote said',
    exchange2003(
      `${TAMA} on Wed, 25 Nov 2026 10:00:02 +0900\n    The message could not be delivered because the recipient's mailbox is full\n    MSEXCH:IMS:KOTATSU:EXAMPLE:EXCHANGE 3550 (000B09B6) 552 5.2.2 Mailbox full`,
    ),
    { recipient: TAMA, reason: 'mailbox-full', action: 'count' },
  ),
  bounce(
    'Exchange 5.5: host unknown',
    exchange2003(
      `${TAMA} on Wed, 25 Nov 2026 10:00:02 +0900\n    The destination computer could not be found\n    MSEXCH:IMS:KOTATSU:EXAMPLE:EXCHANGE 3550 (000B099C) Host unknown`,
    ),
    { recipient: TAMA, reason: 'unknown-host', action: 'suppress' },
  ),
  bounce(
    'Exchange 2003: in its words',
    mail({
      from: 'System Administrator <postmaster@kotatsu.example>',
      subject: 'Undeliverable: Spring news',
      body: `Your message did not reach some or all of the intended recipients.\n\n      Subject:\tSpring news\n      Sent:\t11/25/2026 10:00 AM\n\nThe following recipient(s) could not be reached:\n\n      ${TAMA} on 11/25/2026 10:00 AM\n            The e-mail account does not exist at the organization this message was sent to.  Check the e-mail address, or contact the recipient directly to find out the correct address.\n            <mx.kotatsu.example #5.1.1>\n`,
    }),
    { ...dead, status: '5.1.1' },
  ),
  bounce(
    'Exchange 2007',
    exchange2007(
      `Delivery has failed to these recipients or distribution lists:\n\n${TAMA}\nThe recipient's e-mail address was not found in the recipient's e-mail system. Microsoft Exchange will not try to redeliver this message for you. Please check the e-mail address and try resending this message, or provide the following diagnostic text to your system administrator.\n\nDiagnostic information for administrators:\n\nGenerating server: mx.kotatsu.example\n\n${TAMA}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\nOriginal message headers:\n\n${returned()}`,
    ),
    { ...dead, code: 550 },
  ),
  bounce(
    'Exchange 2007 in French',
    exchange2007(
      `Échec de la remise pour ces destinataires ou listes de distribution :\n\n${TAMA}\nL'adresse de messagerie du destinataire est introuvable.\n\nInformations de diagnostic pour les administrateurs :\n\nServeur de génération : mx.kotatsu.example\n\n${TAMA}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\nEn-têtes de message d'origine :\n\n${returned()}`,
      'Non remis : Spring news',
      'utf-8',
    ),
    dead,
  ),
  bounce(
    'Exchange 2007 in German',
    exchange2007(
      `Fehler bei der Nachrichtenzustellung an die folgenden Empfänger oder Verteilerlisten:\n\n${TAMA}\nDie eingegebene E-Mail-Adresse konnte nicht gefunden werden.\n\nDiagnoseinformationen für Administratoren:\n\nGenerierender Server: mx.kotatsu.example\n\n${TAMA}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\nUrsprüngliche Nachrichtenkopfzeilen:\n\n${returned()}`,
      'Unzustellbar: Spring news',
      'utf-8',
    ),
    dead,
  ),
  bounce(
    'Exchange in Japanese',
    exchange2007(
      `次の受信者または配布リストへの配信に失敗しました:\n\n${TAMA}\n入力された電子メール アドレスが見つかりませんでした。\n\n管理者向けの診断情報:\n\n生成サーバー: mx.kotatsu.example\n\n${TAMA}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\n元のメッセージ ヘッダー:\n\n${returned()}`,
      '=?utf-8?B?6YWN5L+h5LiN6IO9OiBTcHJpbmcgbmV3cw==?=',
      'utf-8',
    ),
    dead,
  ),
  bounce(
    'Exchange 2007: too big for this recipient',
    exchange2007(
      `Delivery has failed to these recipients or distribution lists:\n\n${TAMA}\nThis message is too large for the recipient.\n\nDiagnostic information for administrators:\n\nGenerating server: mx.kotatsu.example\n\n${TAMA}\n#550 5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient ##\n\nOriginal message headers:\n\n${returned()}`,
    ),
    { recipient: TAMA, reason: 'too-big', action: 'sender' },
  ),
  bounce(
    'Exchange 2007: only for those who log in',
    exchange2007(
      `Delivery has failed to these recipients or distribution lists:\n\n${TAMA}\nYou do not have permission to send to this recipient.\n\nDiagnostic information for administrators:\n\nGenerating server: mx.kotatsu.example\n\n${TAMA}\n#550 5.7.1 RESOLVER.RST.AuthRequired; authentication required ##\n\nOriginal message headers:\n\n${returned()}`,
    ),
    { recipient: TAMA, reason: 'policy', action: 'sender' },
  ),
  bounce(
    'Exchange: expired',
    exchange2007(
      `Delivery has failed to these recipients or groups:\n\n${TAMA}\nThe server has tried to deliver this message, without success, and has stopped trying.\n\nDiagnostic information for administrators:\n\nGenerating server: mx.kotatsu.example\n\n${TAMA}\nRemote Server returned '550 4.4.7 QUEUE.Expired; message expired'\n\nOriginal message headers:\n\n${returned()}`,
    ),
    { recipient: TAMA, reason: 'expired', action: 'count' },
  ),
  bounce(
    'Exchange: only HTML',
    mail({
      from: 'Microsoft Outlook <postmaster@kotatsu.example>',
      subject: 'Undeliverable: Spring news',
      fields: [
        'MIME-Version: 1.0',
        'Content-Type: text/html; charset="utf-8"',
        'Content-Transfer-Encoding: quoted-printable',
      ],
      body: `<html><head><style>p { color: red }</style></head><body>\n<p><b>Delivery has failed to these recipients or groups:</b></p>\n<p><a href=3D"mailto:${TAMA}">${TAMA}</a><br>The email address you entered couldn't be found. Please check the recipient's email address and try to resend the message.</p>\n<p>Diagnostic information for administrators:</p>\n<p>Generating server: mx.kotatsu.example</p>\n<p>${TAMA}<br>#550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address loo=\nkup ##</p></body></html>\n`,
    }),
    { ...dead, code: 550, status: '5.1.10' },
  ),
  bounce(
    'Office 365 with a status part',
    dsn({
      from: 'Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@kotatsu.example>',
      subject: 'Undeliverable: Spring news',
      human: `Your message to ${TAMA} couldn't be delivered.\n\ntama wasn't found at kotatsu.example.`,
      perMessage: [
        'Reporting-MTA: dns;TY2PR01.prod.outlook.com',
        'Received-From-MTA: dns;out.sender.example',
      ],
      recipients: [
        [
          `Final-Recipient: rfc822;${TAMA}`,
          'Action: failed',
          'Status: 5.1.10',
          `Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient ${TAMA} not found by SMTP address lookup`,
        ],
      ],
    }),
    { ...dead, status: '5.1.10' },
  ),
  bounce(
    'Office 365: the remote refuses',
    dsn({
      from: 'Microsoft Outlook <postmaster@kotatsu.example>',
      subject: '配信不能: Spring news',
      recipients: [
        [
          `Final-Recipient: rfc822;${TAMA}`,
          'Action: failed',
          'Status: 5.0.0',
          'Remote-MTA: dns;mx.kotatsu.example',
          `Diagnostic-Code: smtp;550 5.1.1 <${TAMA}>: Recipient address rejected: User unknown in local recipient table`,
        ],
      ],
    }),
    { ...dead, status: '5.1.1' },
  ),
  bounce(
    'IIS: the classic service',
    dsn({
      from: 'postmaster@kotatsu.example',
      subject: 'Delivery Status Notification (Failure)',
      human: `This is an automatically generated Delivery Status Notification.\n\nDelivery to the following recipients failed.\n\n       ${TAMA}\n`,
      recipients: [
        [
          `Final-Recipient: rfc822;${TAMA}`,
          'Action: failed',
          'Status: 5.5.0',
          'Diagnostic-Code: smtp;550 Requested action not taken: mailbox unavailable',
        ],
      ],
    }),
    dead,
  ),
  bounce(
    'IIS: before status reports',
    mail({
      from: 'postmaster@kotatsu.example',
      subject: 'Undeliverable mail',
      body: `The email below could not be delivered to the following user:\n\n<${TAMA}> : no such mailbox\n\nOld message:\n${returned()}`,
    }),
    dead,
  ),

  bounce(
    'Domino',
    mail({
      from: 'Postmaster@kotatsu.example',
      subject: 'DELIVERY FAILURE: User tama (tama@kotatsu.example) not listed in Domino Directory',
      body: `Your message\n\n  Subject: Spring news\n\nwas not delivered to:\n\n  ${TAMA}\n\nbecause:\n\n  User tama (${TAMA}) not listed in Domino Directory\n`,
    }),
    dead,
  ),
  bounce(
    'Domino in Japanese',
    mail({
      from: 'Postmaster@kotatsu.example',
      subject: 'DELIVERY FAILURE: Spring news',
      fields: ['Content-Type: text/plain; charset=UTF-8'],
      body: `Your message\n\n  Subject: Spring news\n\nwas not delivered to:\n\n  ${TAMA}\n\nbecause:\n\n  ユーザー tama (${TAMA}) は Domino ディレクトリには見つかりません\n`,
    }),
    dead,
  ),
  bounce(
    'Domino: several of that name',
    mail({
      from: 'Postmaster@kotatsu.example',
      subject: 'DELIVERY FAILURE: Several matches',
      body: `Your message\n\n  Subject: Spring news\n\nwas not delivered to:\n\n  ${TAMA}\n\nbecause:\n\n  Several matches found in Domino Directory\n`,
    }),
    { recipient: TAMA, action: 'none' },
  ),
  bounce(
    'Notes',
    mail({
      from: '<postmaster@notes.kotatsu.example>',
      subject: 'Undeliverable message',
      body: `------- Failure Reasons  --------\n\nUser not listed in public Name & Address Book\n${TAMA}\n\n------- Returned Message --------\n${returned()}`,
    }),
    dead,
  ),
  bounce(
    'GroupWise',
    mail({
      from: 'Mailer-Daemon@kotatsu.example',
      subject: 'Message status - undeliverable',
      body: `The attached file had the following undeliverable recipient(s):\n\t${TAMA} (mailbox unavailable: no such recipient)\n`,
    }),
    dead,
  ),
  bounce(
    'IMail: unknown user',
    mail({
      from: 'Postmaster <postmaster@kotatsu.example>',
      subject: 'Undeliverable Mail',
      fields: ['X-Mailer: <SMTP32 v8.22>'],
      body: `Unknown user: ${TAMA}\n\nRCPT TO generated following response:\n550 5.1.1 user unknown\n\nOriginal message follows.\n\n${returned()}`,
    }),
    { ...dead, phase: 'rcpt' },
  ),
  bounce(
    'IMail: full',
    mail({
      from: 'Postmaster <postmaster@kotatsu.example>',
      subject: 'Undeliverable Mail',
      fields: ['X-Mailer: <SMTP32 v8.22>'],
      body: `User mailbox exceeds allowed size: ${TAMA}\n\nOriginal message follows.\n\n${returned()}`,
    }),
    { recipient: TAMA, reason: 'mailbox-full', action: 'count' },
  ),
  bounce(
    'IMail: undeliverable to',
    mail({
      from: 'Postmaster <postmaster@kotatsu.example>',
      subject: 'Undeliverable Mail',
      fields: ['X-Mailer: <SMTP32 v8.22>'],
      body: `undeliverable to ${TAMA}\n\nOriginal message follows.\n\n${returned()}`,
    }),
    { recipient: TAMA, action: 'none' },
  ),
  bounce(
    'MailMarshal',
    mail({
      from: 'postmaster@kotatsu.example',
      subject: 'Undeliverable Mail: "Spring news"',
      body: `Your message:\n   From:    ${US}\n   Subject: Spring news\n\nCould not be delivered because of\n\n550 5.1.1 User unknown\n\nThe following recipients were affected:\n   ${TAMA}\n\nAdditional Information\n======================\nOriginal Sender:    <${US}>\n`,
    }),
    dead,
  ),
  bounce(
    'MDaemon',
    mail({
      from: 'MDaemon@kotatsu.example',
      subject: 'Permanent Delivery Failure',
      body: `The following data may contain sections which represent BASE64 encoded\nfile attachments.\n\nThe following addresses did NOT receive a copy of your message:\n\n> ${TAMA}\n\n--- Session Transcript ---\n RCPT To:<${TAMA}>\n 550 ${TAMA}... User unknown\n--- End Transcript ---\n`,
    }),
    dead,
  ),
  bounce(
    'InterScan',
    mail({
      from: 'InterScan MSS <postmaster@kotatsu.example>',
      subject: 'Mail could not be delivered',
      body: `Sent <<< RCPT TO:<${TAMA}>\nReceived >>> 550 5.1.1 <${TAMA}>... user unknown\n\nUnable to deliver message to <${TAMA}>.\n`,
    }),
    { ...dead, phase: 'rcpt' },
  ),
  bounce(
    'InterScan VirusWall NT',
    mail({
      from: 'postmaster@kotatsu.example',
      subject: 'Message from InterScan E-Mail VirusWall NT',
      body: `******** Message from InterScan E-Mail VirusWall NT ********\n\nSent >>> RCPT TO: <${TAMA}>\nReceived <<< 550 Unknown user\n\nUnable to deliver message to <${TAMA}>\n******** End of message ********\n`,
    }),
    { ...dead, phase: 'rcpt' },
  ),
  bounce(
    'SurfControl',
    mail({
      from: 'Postmaster <postmaster@kotatsu.example>',
      subject: 'Message Delivery Failure',
      fields: ['X-Mailer: SurfControl E-mail Filter'],
      body: `Your message could not be sent.\nA transcript of the attempts to send the message follows.\nThe number of attempts made: 1\nAddressed To: ${TAMA}\n\nWed 25 Nov 2026 10:00:00 +0900\nFailed to send to identified host,\n${TAMA}: [192.0.2.25], 550 ${TAMA}... No such user\n--- Message non-deliverable.\n`,
    }),
    dead,
  ),
  bounce(
    'MailFoundry',
    mail({
      from: 'MAILER-DAEMON@mf.kotatsu.example',
      subject: 'Message delivery has failed',
      fields: ['Return-Path: <>'],
      body: `Unable to deliver message to: <${TAMA}>\nDelivery failed for the following reason:\nServer mx.kotatsu.example[192.0.2.25] failed with: 550 <${TAMA}> No such user here\n\nThis has been a permanent failure.  No further delivery attempts will be made.\n`,
    }),
    dead,
  ),
  bounce(
    'McAfee',
    mail({
      from: 'McAfee E-mail Gateway <postmaster@kotatsu.example>',
      subject: 'Delivery Status',
      fields: ['X-NAI-Header: Modified by McAfee'],
      body: `--- The following addresses had delivery problems ---\n\n<${TAMA}>   (User unknown ${TAMA})\n\n--- Original message follows ---\n${returned()}`,
    }),
    dead,
  ),
  bounce(
    'Sun Messaging Server',
    mail({
      from: 'Internet Mail Delivery <postmaster@kotatsu.example>',
      subject: 'Delivery Notification: Delivery has failed',
      body: `This report relates to a message you sent with the following header fields:\n\n  Return-path: <${US}>\n  From: ${US}\n  To: ${TAMA}\n  Subject: Spring news\n\nYour message cannot be delivered to the following recipients:\n\n  Recipient address: ${TAMA}\n  Reason: Remote SMTP server has rejected address\n  Diagnostic code: smtp;550 5.1.1 <${TAMA}>... User Unknown\n  Remote system: dns;mx.kotatsu.example (TCP|192.0.2.10|52000|192.0.2.25|25) (ESMTP)\n`,
    }),
    dead,
  ),
  bounce(
    'Sun Messaging Server: over quota',
    mail({
      from: 'Internet Mail Delivery <postmaster@kotatsu.example>',
      subject: 'Delivery Notification: Delivery has failed',
      body: `Your message cannot be delivered to the following recipients:\n\n  Recipient address: ${TAMA}\n  Reason: Over quota\n`,
    }),
    { recipient: TAMA, reason: 'mailbox-full', action: 'count' },
  ),
  bounce(
    'Barracuda',
    dsn({
      from: 'Barracuda <MAILER-DAEMON@barracuda.kotatsu.example>',
      subject: 'Undeliverable mail',
      human: 'Your message was blocked.',
      recipients: [
        [
          `Final-Recipient: rfc822; ${TAMA}`,
          'Action: failed',
          'Status: 5.7.1',
          'Diagnostic-Code: smtp; 554 rejected due to spam content',
        ],
      ],
    }),
    { recipient: TAMA, reason: 'spam', action: 'sender' },
  ),
  bounce(
    'MessageLabs',
    dsn({
      from: 'MAILER-DAEMON@messagelabs.example',
      subject: 'Mail Delivery Failure',
      human: `The message could not be delivered to ${TAMA}`,
      recipients: [
        [
          `Final-Recipient: rfc822; ${TAMA}`,
          'Action: failed',
          'Status: 5.0.0',
          'Remote-MTA: dns; 192.0.2.25',
          'Diagnostic-Code: smtp; 550 user unknown',
        ],
      ],
    }),
    dead,
  ),
  bounce(
    'LSMTP',
    mail({
      from: 'LISTSERV <postmaster@kotatsu.example>',
      subject: 'Undelivered mail',
      body: `--> Error description:\n\nError-for:  ${TAMA}\nError-Code: 3\nError-Text: No such user.\n\nError-End: 1 error reported\n`,
    }),
    dead,
  ),
  bounce(
    'Netscape Messaging',
    mail({
      from: 'Mail Administrator <postmaster@kotatsu.example>',
      subject: 'Mail System Error - Returned Mail',
      body: `This Message was undeliverable due to the following reason:\n\nThe following destination addresses were unknown (please check\nthe addresses and re-mail the message):\n\n\tSMTP <${TAMA}>\n\nPlease reply to Postmaster@kotatsu.example\nif you feel this message to be in error.\n`,
    }),
    dead,
  ),
  bounce(
    'Compuserve-like: receiver not found',
    mail({
      from: 'Electronic Postmaster <POSTMASTER@kotatsu.example>',
      subject: 'Undeliverable message',
      body: `Receiver not found: ${TAMA}\n\nYour message could not be delivered as addressed.\n`,
    }),
    { recipient: TAMA },
  ),
  bounce(
    'X.400 gateway',
    mail({
      from: 'postmaster@kotatsu.example',
      subject: 'Non-delivery report',
      body: `Your message was not delivered to:\n  ${TAMA}\nfor the following reason:\n  Unable to transfer: no such recipient\n`,
    }),
    dead,
  ),
];
