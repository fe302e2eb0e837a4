/** Mail that went to a mailing list, so that the returned head names the list and not who bounces; and formats of the nineties. */
import { bounce, type Case, mail, multipart, part, returned, TAMA } from './build.ts';

const dead = { recipient: TAMA, reason: 'unknown-user', action: 'suppress' } as const;
const LIST = 'cats@lists.sender.example';
const OWNER = 'cats-bounces@lists.sender.example';
const copy = returned(LIST);
const list = (
  subject: string,
  body: string,
  from = 'MAILER-DAEMON@kotatsu.example',
  fields: string[] = [],
): string => mail({ from, to: OWNER, subject, fields, body });

export const cases: Case[] = [
  bounce(
    'the list is named before the recipient',
    list(
      'Undeliverable: Re: cats',
      `Your message\n\n  To:      ${LIST}\n  Subject: Re: cats\n  Sent:    Wed, 25 Nov 2026 10:00:00 +0900\n\ndid not reach the following recipient(s):\n\n${TAMA} on Wed, 25 Nov 2026 10:00:02 +0900\n    The recipient name is not recognized\n    MSEXCH:IMS:KOTATSU:EXAMPLE:EXCHANGE 0 (000C05A6) Unknown Recipient\n`,
    ),
    dead,
  ),
  bounce(
    'Exchange: an X.400 name before it',
    list(
      'Undeliverable: Re: cats',
      `Your message\n\n  To:      ${LIST}\n  Subject: Re: cats\n\ndid not reach the following recipient(s):\n\nc=JP;a= ;p=KOTATSU;o=EXCHANGE;dda:SMTP=${TAMA}; on Wed, 25 Nov 2026 10:00:02\n    The recipient name is not recognized\n    MSEXCH:IMS:KOTATSU:EXAMPLE:EXCHANGE 0 (000C05A6) Unknown Recipient\n`,
    ),
    dead,
  ),
  bounce(
    'two who are not in the head',
    list(
      'Returned mail: User unknown',
      `   ----- The following addresses had permanent fatal errors -----\n<${TAMA}>\n<mike@kotatsu.example>\n\n   ----- Transcript of session follows -----\n550 <${TAMA}>... User unknown\n550 <mike@kotatsu.example>... User unknown\n\n   ----- Original message follows -----\n${copy}`,
    ),
    dead,
    { recipient: 'mike@kotatsu.example', reason: 'unknown-user', action: 'suppress' },
  ),
  bounce(
    'expanded from an alias',
    list(
      'Returned mail: User unknown',
      `   ----- The following addresses have delivery notifications -----\n${TAMA} (unrecoverable error)\n    (expanded from: <mike@irori.example>)\n\n   ----- Transcript of session follows -----\n550 ${TAMA}... User unknown\n\n   ----- Original message follows -----\n${copy}`,
    ),
    dead,
  ),
  bounce(
    'demon.co.uk: addressed to',
    list(
      'Mail delivery failed',
      `This message was created automatically by mail delivery software.\n\nThe message addressed to '${TAMA}' could not be delivered:\nno such user\n\n---- START OF RETURNED MESSAGE ----\n${copy}`,
    ),
    dead,
  ),
  bounce(
    'Intended recipient',
    list(
      'Undelivered mail',
      `Your mail could not be delivered: unknown user.\n\nIntended recipient: ${TAMA}\n\n--------RETURNED MAIL FOLLOWS--------\n${copy}`,
    ),
    dead,
  ),
  bounce(
    'Undeliverable Address',
    list(
      'Returned mail',
      `Undeliverable Address:  ${TAMA}\nReason: mailbox full\n\nOriginal message attached.\n\n${copy}`,
    ),
    { recipient: TAMA, reason: 'mailbox-full', action: 'count' },
  ),
  bounce(
    "User's mailbox is full",
    list('Returned mail', `User's mailbox is full: <${TAMA}>\nUnable to deliver mail.\n`),
    { recipient: TAMA, reason: 'mailbox-full', action: 'count' },
  ),
  bounce(
    'aborted',
    list(
      'Delivery Status Notification',
      `Delivery to the following recipients was aborted after 5.0 hour(s):\n\n  * ${TAMA}\n`,
    ),
    { recipient: TAMA },
  ),
  bounce(
    'a message could not be delivered to',
    list(
      'Undeliverable',
      `A message could not be delivered to:\n\n  ${TAMA}   (unknown recipient)\n\nSubject: Re: cats\n`,
    ),
    dead,
  ),
  bounce(
    'Invalid final delivery userid',
    list(
      'Undeliverable Mail',
      `Invalid final delivery userid: ${TAMA}\n\nOriginal message follows.\n\n${copy}`,
    ),
    dead,
  ),
  bounce(
    'Failed Recipients with a heading',
    list(
      'Undelivered mail',
      `------ Failed Recipients ------\n  <${TAMA}>: 550 user unknown\n\n-------- Returned Mail --------\n${copy}`,
    ),
    dead,
  ),
  bounce(
    'Failed Recipient with a label',
    list(
      'Mail delivery failed',
      `Could not deliver message to the following recipient(s):\n\nFailed Recipient: ${TAMA}\nReason: Remote host said: 550 unknown user\n\n   -- The header and top 20 lines of the message follows --\n\n${copy}`,
    ),
    dead,
  ),
  bounce(
    'could not be reached, with a type of error',
    list(
      'Message undeliverable',
      `The following recipient(s) could not be reached:\n\n${TAMA}\n\nError Type: SMTP\nRemote server (192.0.2.25) issued an error.\nhMailServer sent: RCPT TO:<${TAMA}>\nRemote server replied: 550 no such user here\n`,
    ),
    { ...dead, phase: '' },
  ),
  bounce(
    'MDaemon: no such user here',
    list(
      'Permanent Delivery Failure',
      `${TAMA} - no such user here.\n\nThere is no user by that name at this server.\n`,
    ),
    dead,
  ),
  bounce(
    'not delivered to the following addresses, with details',
    list(
      'Undeliverable',
      `Message not delivered to the following addresses:\n\n  ${TAMA}\n\nError detail:\n\n  ${TAMA}: 550 unknown user\n`,
    ),
    dead,
  ),
  bounce(
    'delivered to a carriers mailbox: problems',
    list(
      'Mail problem',
      `Your message has encountered delivery problems\nto the following recipient:\n\n  addressed to ${TAMA}: no such mailbox\n\nYour message reads (in part):\n\n${copy}`,
    ),
    dead,
  ),
  bounce(
    'LLNL: in a sentence',
    list(
      'Returned mail: User unknown',
      `Your message could not be delivered: the address, ${TAMA}, is an unknown user here.\n`,
    ),
    dead,
  ),
  bounce(
    'in an attachment-like structure without types',
    mail({
      to: OWNER,
      subject: 'Returned mail: User unknown',
      fields: ['MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary="b_1/kotatsu"'],
      body: multipart([
        `\n  ----- Transcript of session follows -----\n550 ${TAMA}... User unknown\n`,
        part('message/rfc822', copy),
      ]),
    }),
    dead,
  ),
  bounce(
    'Netscape: please reply to somebody else',
    list(
      'Mail System Error - Returned Mail',
      `This Message was undeliverable due to the following reason:\n\nYour message was not delivered because the destination computer was\nnot found.  Carefully check that it was spelled correctly and try\nsending it again if there were any mistakes.\n\nHost kotatsu.example not found\n\nThe following recipients did not receive this message:\n\n     <${TAMA}>\n\nPlease reply to Postmaster@irori.example\nif you feel this message to be in error.\n`,
    ),
    { recipient: TAMA, reason: 'unknown-host', action: 'suppress' },
  ),
  bounce(
    'the words of a forwarder wrap onto a line of their own',
    list(
      'Undelivered Mail Returned to Sender',
      `This is the mail system.\n\n<${TAMA}>: host mx.kotatsu.example[192.0.2.25] said: 550 5.1.1\n    <mike@irori.example>: Recipient address rejected: User unknown (in reply to\n    RCPT TO command)\n`,
    ),
    { ...dead, phase: 'rcpt' },
  ),
  bounce(
    'where to ask is no recipient',
    list(
      'Undeliverable mail',
      `The following address failed:\n\n  ${TAMA}: no such user\n\nFor help contact admin@irori.example.\n\nadmin-team@irori.example\n`,
    ),
    dead,
    { recipient: 'admin-team@irori.example' },
  ),
];
