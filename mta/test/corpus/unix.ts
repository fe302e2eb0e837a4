/** Reports in plain words by the servers of Unix: qmail, Exim, old Postfix and Sendmail, Courier, OpenSMTPD, and who copied them. */
import { bounce, type Case, mail, multipart, part, returned, TAMA, US } from './build.ts';

const dead = { recipient: TAMA, reason: 'unknown-user', action: 'suppress' } as const;
const copy = (marker: string, to = TAMA): string => `\n${marker}\n\n${returned(to)}\n`;

const QMAIL =
  "Hi. This is the qmail-send program at mx.kotatsu.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n";
const qmail = (report: string, to = TAMA): string =>
  mail({
    from: 'MAILER-DAEMON@mx.kotatsu.example',
    subject: 'failure notice',
    fields: ['Return-Path: <>', 'Received: (qmail 4711 invoked for bounce); 25 Nov 2026 01:00:00 -0000'],
    body: `${QMAIL}\n${report}\n${copy('--- Below this line is a copy of the message.', to)}`,
  });

const EXIM =
  'This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n';
const exim = (report: string, failed = TAMA, to = failed): string =>
  mail({
    from: 'Mail Delivery System <Mailer-Daemon@mx.kotatsu.example>',
    subject: 'Mail delivery failed: returning message to sender',
    fields: [
      `X-Failed-Recipients: ${failed}`,
      'Auto-Submitted: auto-replied',
      'Message-Id: <E1aBcDe-0001aB-Xy@mx.kotatsu.example>',
    ],
    body: `${EXIM}\n${report}\n${copy('------ This is a copy of the message, including all the headers. ------', to)}`,
  });

const postfix = (report: string, to = TAMA): string =>
  mail({
    from: 'MAILER-DAEMON@mx.kotatsu.example (Mail Delivery System)',
    subject: 'Undelivered Mail Returned to Sender',
    fields: ['MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary="b_1/kotatsu"'],
    body: multipart([
      part(
        'text/plain',
        `This is the Postfix program at host mx.kotatsu.example.\n\nI'm sorry to have to inform you that your message could not be\nbe delivered to one or more recipients. It's attached below.\n\nFor further assistance, please send mail to <postmaster>\n\n\t\t\tThe Postfix program\n\n${report}\n`,
      ),
      part('message/rfc822', returned(to)),
    ]),
  });

const sendmail = (listed: string, transcript: string): string =>
  mail({
    from: 'Mail Delivery Subsystem <MAILER-DAEMON@mx.kotatsu.example>',
    subject: 'Returned mail: see transcript for details',
    body: `The original message was received at Wed, 25 Nov 2026 10:00:00 +0900\nfrom out.sender.example [192.0.2.10]\n\n   ----- The following addresses had permanent fatal errors -----\n${listed}\n\n   ----- Transcript of session follows -----\n${transcript}\n${copy('   ----- Original message follows -----')}`,
  });

export const cases: Case[] = [
  bounce(
    'qmail: remote refuses the recipient',
    qmail(
      `<${TAMA}>:\n192.0.2.25 does not like recipient.\nRemote host said: 550 5.1.1 <${TAMA}>... User Unknown\nGiving up on 192.0.2.25.`,
    ),
    { ...dead, phase: 'rcpt', code: 550, status: '5.1.1' },
  ),
  bounce('qmail: no mailbox here', qmail(`<${TAMA}>:\nSorry, no mailbox here by that name. (#5.1.1)`), {
    ...dead,
    status: '5.1.1',
  }),
  bounce(
    'qmail: no such host',
    qmail(`<${TAMA}>:\nSorry, I couldn't find any host named kotatsu.example. (#5.1.2)`),
    { recipient: TAMA, reason: 'unknown-host', action: 'suppress', status: '5.1.2' },
  ),
  bounce(
    'qmail: in the queue too long',
    qmail(
      `<${TAMA}>:\n192.0.2.25 does not like recipient.\nRemote host said: 450 4.2.1 come back\nGiving up on 192.0.2.25.\nI'm not going to try again; this message has been in the queue too long.`,
    ),
    { recipient: TAMA, action: 'count', code: 450 },
  ),
  bounce(
    'qmail: no connection for days',
    qmail(
      `<${TAMA}>:\nSorry, I wasn't able to establish an SMTP connection. (#4.4.1)\nI'm not going to try again; this message has been in the queue too long.`,
    ),
    { recipient: TAMA, reason: 'expired', action: 'count' },
  ),
  bounce(
    'qmail: refused after the text',
    qmail(
      `<${TAMA}>:\n192.0.2.25 failed after I sent the message.\nRemote host said: 550 5.7.1 Message content rejected, UBE`,
    ),
    { recipient: TAMA, reason: 'spam', action: 'sender', phase: 'dot' },
  ),
  bounce(
    'qmail: sender refused',
    qmail(
      `<${TAMA}>:\nConnected to 192.0.2.25 but sender was rejected.\nRemote host said: 550 5.7.1 <${US}>... Access denied`,
    ),
    { recipient: TAMA, reason: 'policy', action: 'sender', phase: 'mail' },
  ),
  bounce('qmail: disk quota', qmail(`<${TAMA}>:\nmaildir: disk quota exceeded (#5.2.2)`), {
    recipient: TAMA,
    reason: 'mailbox-full',
    action: 'count',
  }),
  bounce(
    'qmail: two recipients',
    qmail(
      `<${TAMA}>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n<mike@kotatsu.example>:\nUser is over quota. (#5.2.2)`,
      `${TAMA}, mike@kotatsu.example`,
    ),
    dead,
    { recipient: 'mike@kotatsu.example', reason: 'mailbox-full' },
  ),
  bounce('qmail: vpopmail', qmail(`<${TAMA}>:\nvdelivermail: account is locked email bounced`), {
    recipient: TAMA,
    reason: 'suspended',
    action: 'count',
  }),
  bounce(
    'qmail: in Spanish first',
    mail({
      subject: 'failure notice',
      body: `Hola. Este es el programa qmail-send.\nYour message could not be delivered to the following addresses.\n\n<${TAMA}>:\nSorry, no mailbox here by that name. (#5.1.1)\n${copy('--- Below this line is a copy of the message.')}`,
    }),
    dead,
  ),
  bounce(
    'Yahoo: like qmail',
    mail({
      from: 'MAILER-DAEMON@yahoo.com',
      subject: 'Failure Notice',
      body: `Sorry, we were unable to deliver your message to the following address.\n\n<${TAMA}>:\nRemote host said: 550 5.1.1 <${TAMA}>... User Unknown [RCPT_TO]\n${copy('--- Below this line is a copy of the message.')}`,
    }),
    { ...dead, phase: 'rcpt' },
  ),
  bounce(
    'EYOU',
    mail({
      subject: 'failure notice',
      body: `This is the deliver program at kotatsu.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n\n${TAMA}\nmail box full\n${copy('--- Attachment is a copy of the message.')}`,
    }),
    { recipient: TAMA },
  ),

  bounce(
    'Exim: after RCPT',
    exim(
      `  ${TAMA}\n    SMTP error from remote mail server after RCPT TO:<${TAMA}>:\n    host mx.kotatsu.example [192.0.2.25]: 550 5.1.1 <${TAMA}>... User Unknown`,
    ),
    { ...dead, phase: 'rcpt', code: 550 },
  ),
  bounce(
    'Exim: after end of data',
    exim(
      `  ${TAMA}\n    SMTP error from remote mail server after end of data:\n    host mx.kotatsu.example [192.0.2.25]: 552 5.7.1 Message rejected as spam`,
    ),
    { recipient: TAMA, reason: 'spam', phase: 'dot' },
  ),
  bounce(
    'Exim: after pipelined end of data',
    exim(
      `  ${TAMA}\n    host mx.kotatsu.example [192.0.2.25]\n    SMTP error from remote mail server after pipelined end of data:\n    550 This message was classified as SPAM`,
    ),
    { recipient: TAMA, reason: 'spam', phase: 'dot' },
  ),
  bounce('Exim: unrouteable', exim(`  ${TAMA}\n    Unrouteable address`), {
    recipient: TAMA,
    action: 'suppress',
  }),
  bounce('Exim: unknown mail domain', exim(`  ${TAMA}\n    unrouteable mail domain "kotatsu.example"`), {
    recipient: TAMA,
    reason: 'unknown-host',
    action: 'suppress',
  }),
  bounce('Exim: retry timeout', exim(`  ${TAMA}\n    retry timeout exceeded`), {
    recipient: TAMA,
    reason: 'expired',
    action: 'count',
  }),
  bounce(
    'Exim: timeout after a connection failed',
    exim(
      `  ${TAMA}\n    host mx.kotatsu.example [192.0.2.25]\n    Connection timed out: retry timeout exceeded`,
    ),
    { recipient: TAMA, reason: 'expired', action: 'count' },
  ),
  bounce('Exim: mailbox is full', exim(`  ${TAMA}\n    mailbox is full: retry timeout exceeded`), {
    recipient: TAMA,
    reason: 'mailbox-full',
    action: 'count',
  }),
  bounce('Exim: null MX', exim(`  ${TAMA}\n    an MX or SRV record indicated no SMTP service`), {
    recipient: TAMA,
    reason: 'null-mx',
    action: 'suppress',
  }),
  bounce('Exim: MX leads to itself', exim(`  ${TAMA}\n    lowest numbered MX record points to local host`), {
    recipient: TAMA,
    reason: 'loop',
    action: 'none',
  }),
  bounce(
    'Exim: a pipe',
    exim(
      `  pipe to |/usr/bin/procmail\n    generated by ${TAMA}\n    Child process of address_pipe transport returned 127 (could mean unable to exec or command does not exist) from command: /usr/bin/procmail`,
    ),
    { recipient: TAMA, reason: 'system', action: 'shape' },
  ),
  bounce(
    'Exim: alias',
    exim(
      '  mike@irori.example\n    (generated from tama@kotatsu.example)\n    SMTP error from remote mail server after RCPT TO:<mike@irori.example>:\n    550 No such user here',
      'mike@irori.example',
      TAMA,
    ),
    { reason: 'unknown-user', action: 'suppress', phase: 'rcpt' },
  ),
  bounce(
    'Exim: in the old words',
    exim(
      `  ${TAMA}:\n    SMTP error from remote mailer after RCPT TO:<${TAMA}>:\n    host mx.kotatsu.example [192.0.2.25]:\n    553 5.3.0 <${TAMA}>... Addressee unknown`,
    ),
    { ...dead, phase: 'rcpt' },
  ),
  bounce(
    'Exim: local part unknown',
    exim(`  ${TAMA}\n    unknown local-part "tama" in domain "kotatsu.example"`),
    dead,
  ),
  bounce(
    'Exim: all hosts fail',
    exim(
      `  ${TAMA}\n    all hosts for 'kotatsu.example' have been failing for a long time (and retry time not reached)`,
    ),
    { recipient: TAMA, reason: 'expired', action: 'count' },
  ),
  bounce(
    'Exim: with Exchange behind',
    exim(
      `  ${TAMA}\n    host kotatsu-example.mail.protection.outlook.com [192.0.2.26]\n    SMTP error from remote mail server after RCPT TO:<${TAMA}>:\n    550 5.4.1 Recipient address rejected: Access denied. AS(201806281)`,
    ),
    { ...dead, phase: 'rcpt' },
  ),
  bounce(
    'GMX: numbers without code',
    mail({
      from: 'GMX Mailer Daemon <mailer-daemon@gmx.example>',
      subject: 'Mail delivery failed: returning message to sender',
      body: `This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of\nits recipients. This is a permanent error. The following address\nfailed:\n\n"${TAMA}":\nSMTP error from remote server after RCPT command:\nhost: mx.kotatsu.example\n5.1.1 <${TAMA}>... User Unknown\n\n\n--- The header of the original message is following. ---\n\n${returned()}`,
    }),
    { ...dead, phase: 'rcpt', status: '5.1.1' },
  ),
  bounce(
    '1&1: reason in a sentence',
    mail({
      from: 'Mail Delivery System <mailer-daemon@kundenserver.example>',
      subject: 'Mail delivery failed: returning message to sender',
      body: `This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of\nits recipients. This is a permanent error. The following address\nfailed:\n\n${TAMA}:\nSMTP error from remote server for RCPT TO command, host: mx.kotatsu.example (192.0.2.25) reason: 550 5.1.1 unknown user\n\n--- The header of the original message is following. ---\n\n${returned()}`,
    }),
    { ...dead, phase: 'rcpt' },
  ),
  bounce(
    '1&1: too big',
    mail({
      from: 'Mail Delivery System <mailer-daemon@kundenserver.example>',
      subject: 'Mail delivery failed: returning message to sender',
      body: `This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of\nits recipients. The following addresses failed:\n\n   <${TAMA}>\n\nFor the following reason:\n\nMail size limit exceeded. For explanation visit\nhttp://postmaster.1and1.example/en/error-messages?ip=192.0.2.10\n\n--- The header of the original message is following. ---\n\n${returned()}`,
    }),
    { recipient: TAMA, reason: 'too-big', action: 'sender' },
  ),
  bounce(
    'Mail.Ru: in Russian',
    mail({
      from: 'mailer-daemon@corp.mail.ru',
      subject: 'Mail failure.',
      fields: [`X-Failed-Recipients: ${TAMA}`, 'Content-Type: text/plain; charset=utf-8'],
      body: `Это письмо создано автоматически\nсервером Mail.Ru, отвечать на него не нужно.\n\nК сожалению, Ваше письмо не может быть\nдоставлено одному или нескольким получателям:\n\n**********************\n\nThis message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  ${TAMA}\n    SMTP error from remote mail server after RCPT TO:<${TAMA}>:\n    host mx.kotatsu.example [192.0.2.25]: 550 Message was not accepted -- invalid mailbox.\n    Local mailbox ${TAMA} is unavailable: user not found\n${copy('------ This is a copy of the message, including all the headers. ------')}`,
    }),
    { ...dead, phase: 'rcpt' },
  ),
  bounce(
    'MXLogic',
    mail({
      from: 'Mail Delivery System <MAILER-DAEMON@p01.mxlogic.example>',
      subject: 'Mail delivery failed: returning message to sender',
      body: `This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address failed:\n\n  <${TAMA}>: 550 5.1.1 <${TAMA}>: User unknown\n\nIncluded is a copy of the message header:\n-----------------------------------------\n${returned()}`,
    }),
    dead,
  ),

  bounce(
    'Postfix before it had status reports',
    postfix(
      `<${TAMA}>: host mx.kotatsu.example[192.0.2.25] said: 550 5.1.1\n    <${TAMA}>: Recipient address rejected: User unknown (in reply to RCPT TO\n    command)`,
    ),
    { ...dead, phase: 'rcpt', code: 550 },
  ),
  bounce('Postfix: unknown user in the local table', postfix(`<${TAMA}>: unknown user: "tama"`), dead),
  bounce(
    'Postfix: expanded',
    postfix(
      `<mike@irori.example> (expanded from <${TAMA}>): host mx.irori.example[192.0.2.26]\n    said: 550 <mike@irori.example>... User unknown (in reply to RCPT TO command)`,
    ),
    { reason: 'unknown-user', action: 'suppress' },
  ),
  bounce(
    'Postfix: host not found',
    postfix(
      `<${TAMA}>: Host or domain name not found. Name service error for\n    name=kotatsu.example type=A: Host not found`,
    ),
    { recipient: TAMA, reason: 'unknown-host', action: 'suppress' },
  ),
  bounce(
    'Postfix: two, one of them blocked',
    postfix(
      `<${TAMA}>: host mx.kotatsu.example[192.0.2.25] said: 550 Unknown user (in reply\n    to RCPT TO command)\n\n<mike@irori.example>: host mx.irori.example[192.0.2.26] said: 554 5.7.1 Client host\n    [192.0.2.10] blocked using bl.spamcop.net (in reply to RCPT TO command)`,
      `${TAMA}, mike@irori.example`,
    ),
    dead,
    { recipient: 'mike@irori.example', reason: 'blocked', action: 'sender' },
  ),

  bounce(
    'Sendmail: transcript',
    sendmail(
      `<${TAMA}>\n    (reason: 550 5.1.1 <${TAMA}>... User Unknown)`,
      `... while talking to mx.kotatsu.example.:\n>>> RCPT To:<${TAMA}>\n<<< 550 5.1.1 <${TAMA}>... User Unknown\n550 5.1.1 <${TAMA}>... User unknown`,
    ),
    { ...dead, phase: 'rcpt' },
  ),
  bounce(
    'Sendmail: refused at the text',
    sendmail(
      `<${TAMA}>\n    (reason: 554 5.7.1 Message rejected: spam)`,
      `... while talking to mx.kotatsu.example.:\n>>> DATA\n<<< 554 5.7.1 Message rejected: spam\n554 5.0.0 Service unavailable`,
    ),
    { recipient: TAMA, reason: 'spam', phase: 'data' },
  ),
  bounce(
    'Sendmail: host unknown',
    sendmail(
      `<${TAMA}>`,
      `550 5.1.2 <${TAMA}>... Host unknown (Name server: kotatsu.example: host not found)`,
    ),
    { recipient: TAMA, reason: 'unknown-host', action: 'suppress' },
  ),
  bounce(
    'Sendmail: deferred too long',
    sendmail(
      `<${TAMA}>`,
      `451 kotatsu.example: Name server timeout\nMessage could not be delivered for 5 days\nMessage will be deleted from queue`,
    ),
    { recipient: TAMA, action: 'count', reason: 'expired' },
  ),
  bounce(
    'Sendmail 5',
    mail({
      from: 'Mail Delivery Subsystem <MAILER-DAEMON>',
      subject: 'Returned mail: User unknown',
      body: `   ----- Transcript of session follows -----\nWhile talking to mx.kotatsu.example:\n>>> RCPT To:<${TAMA}>\n<<< 550 <${TAMA}>, User Unknown\n550 <${TAMA}>... User unknown\n\n   ----- Unsent message follows -----\n${returned()}`,
    }),
    { ...dead, phase: 'rcpt' },
  ),
  bounce(
    'Sendmail 5: host unknown',
    mail({
      from: 'Mail Delivery Subsystem <MAILER-DAEMON>',
      subject: 'Returned mail: Host unknown',
      body: `   ----- Transcript of session follows -----\n550 ${TAMA}... Host unknown\n\n   ----- Unsent message follows -----\n${returned()}`,
    }),
    { recipient: TAMA, reason: 'unknown-host', action: 'suppress' },
  ),
  bounce(
    'Bigfoot, after Sendmail',
    mail({
      from: 'Mail Delivery Subsystem <MAILER-DAEMON@bigfoot.example>',
      subject: 'Returned mail: User unknown',
      body: `   ----- The following addresses had permanent fatal errors -----\n<${TAMA}>\n\n   ----- Transcript of session follows -----\n>>> RCPT TO:<${TAMA}>\n<<< 553 Invalid recipient ${TAMA}\n${copy('   ----- Message header follows -----')}`,
    }),
    { ...dead, phase: 'rcpt' },
  ),

  bounce(
    'Courier',
    mail({
      from: '"Courier mail server at mx.kotatsu.example" <postmaster@mx.kotatsu.example>',
      subject: 'NOTICE: mail delivery status.',
      fields: ['MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary="b_1/kotatsu"'],
      body: multipart([
        part(
          'text/plain',
          `This is a delivery status notification from mx.kotatsu.example,\nrunning the Courier mail server, version 0.65.\n\nThe original message was received on Wed, 25 Nov 2026 10:00:00 +0900\nfrom out.sender.example.\n\n---------------------------------------------------------------------------\n\n                           UNDELIVERABLE MAIL\n\nYour message to the following recipients cannot be delivered:\n\n<${TAMA}>:\n    mx.kotatsu.example [192.0.2.25]:\n>>> RCPT TO:<${TAMA}>\n<<< 550 5.1.1 <${TAMA}>... User Unknown\n\n---------------------------------------------------------------------------\n\nIf your message was also sent to additional recipients, their delivery\nstatus is not included in this report.\n`,
        ),
        part('text/rfc822-headers', returned()),
      ]),
    }),
    { ...dead, phase: 'rcpt' },
  ),
  bounce(
    'OpenSMTPD',
    mail({
      from: 'Mailer Daemon <MAILER-DAEMON@mx.kotatsu.example>',
      subject: 'Delivery status notification: error',
      body: `    Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to this e-mail.\n\n    An error has occurred while attempting to deliver a message for\n    the following list of recipients:\n\n${TAMA}: 550 5.2.2 <${TAMA}>... Mailbox Full\n\n    Below is a copy of the original message:\n\n${returned()}`,
    }),
    { recipient: TAMA, reason: 'mailbox-full', action: 'count' },
  ),
  bounce(
    'DragonFly',
    mail({
      from: '<MAILER-DAEMON@df.kotatsu.example>',
      subject: 'Mail delivery failed',
      fields: ['X-Original-To: <news@sender.example>'],
      body: `This is the DragonFly Mail Agent v0.13 at df.kotatsu.example.\n\nThere was an error delivering your mail to <${TAMA}>.\n\nmx.kotatsu.example [192.0.2.25] did not like our RCPT TO:\n550 5.1.1 <${TAMA}>: Recipient address rejected: User unknown\n\nOriginal message headers follow.\n\n${returned()}`,
    }),
    { ...dead, phase: 'rcpt' },
  ),
  bounce(
    'Smail',
    mail({
      from: '<MAILER-DAEMON@kotatsu.example>',
      subject: 'mail failed, returning to sender',
      body: `|------------------------- Message log follows: -------------------------|\n no valid recipients were found for this message\n|------------------------- Failed addresses follow: ---------------------|\n <${TAMA}> ... unknown user\n|------------------------- Message text follows: ------------------------|\n${returned()}`,
    }),
    dead,
  ),
  bounce(
    'Apache James',
    mail({
      from: 'postmaster@kotatsu.example',
      subject: 'Re: Spring news',
      body: `Hi. This is the James mail server at kotatsu.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.  Below\nI include the list of recipients and the reason why I was unable to deliver\nyour message.\n\nFailed recipient(s):\n${TAMA}\n\nError message:\n550 5.1.1 <${TAMA}>... User unknown\n`,
    }),
    dead,
  ),
  bounce(
    'Apache James: details of the message',
    mail({
      from: 'postmaster@kotatsu.example',
      subject: '[BOUNCE]',
      body: `This is an automated message. Your mail could not be delivered.\n\nMessage details:\n  Subject: Spring news\n  Sent date: Wed Nov 25 10:00:00 JST 2026\n  MAIL FROM: ${US}\n  RCPT TO: ${TAMA}\n  From: Sender <${US}>\n  To: ${TAMA}\n  Size (in bytes): 1016\n  Number of lines: 39\n\nError message below:\n550 - Requested action not taken: no such user here\n`,
    }),
    dead,
  ),
  bounce(
    'm-FILTER',
    mail({
      from: 'mail server <postmaster@kotatsu.example>',
      subject: 'failure notice',
      fields: ['X-Mailer: m-FILTER'],
      body: `${TAMA}\n-------server message\nR: 550 5.1.1 <${TAMA}>... User Unknown\n-------SMTP command\nDATA\n-------original message\n${returned()}`,
    }),
    { recipient: TAMA, action: 'suppress', phase: 'data', status: '5.1.1' },
  ),
  bounce(
    'Active!hunter',
    mail({
      from: 'MAILER-DAEMON@kotatsu.example',
      subject: 'FAILURE NOTICE :',
      fields: ['X-AHMailID: 0123'],
      body: `  ----- The following addresses had permanent fatal errors -----\n\n>>> ${TAMA} <${TAMA}>\n\n  ----- Transcript of session follows -----\n550 sorry, no mailbox here by that name (#5.1.1 - chkusr)\n\n  ----- Original message follows -----\n${returned()}`,
    }),
    dead,
  ),
  bounce(
    'FML refuses what is no member',
    mail({
      from: 'neko-admin@kotatsu.example',
      subject: 'You neko are not member (neko ML)',
      fields: ['X-MLServer: fml [fml 4.0]', 'Return-Path: <>'],
      body: `Sorry, ${US} is not a member of this mailing list <neko@kotatsu.example>. Your mail was not delivered.\n\nOriginal mail as follows:\n\n${returned('neko@kotatsu.example')}`,
    }),
    { recipient: 'neko@kotatsu.example', reason: 'policy', action: 'sender' },
  ),
  bounce(
    'Yale and others: a list of failed recipients',
    mail({
      from: 'Mail Delivery <postmaster@kotatsu.example>',
      subject: 'Undeliverable mail',
      body: `Here is your list of failed recipients:\n <${TAMA}>   550 unknown user\n\nHere is your returned mail:\n\n${returned()}`,
    }),
    dead,
  ),
];
