/** What servers said, as it stands in Diagnostic-Code fields; each goes through a whole Postfix-like report. */
import { bounce, type Case, dsn, type Expected, TAMA } from './build.ts';

/** diagnosis, Status field, what it means */
type Row = [diagnostic: string, status: string, expected: Expected, recipient?: string];

const RCPT = '(in reply to RCPT TO command)';
const DOT = '(in reply to end of DATA command)';
const dead: Expected = { reason: 'unknown-user', action: 'suppress' };

export const ROWS: Row[] = [
  // gone
  [
    `smtp; 550 5.1.1 <${TAMA}>: Recipient address rejected: User unknown in virtual mailbox table`,
    '5.1.1',
    dead,
  ],
  [`smtp; 550 5.1.1 <${TAMA}>... User unknown`, '5.1.1', dead],
  [
    "smtp; 550 5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 double-checking the recipient's email address",
    '5.1.1',
    dead,
  ],
  ['smtp; 550 No such user here', '5.0.0', { ...dead, code: 550 }],
  ['smtp; 550 Requested action not taken: mailbox unavailable', '5.0.0', dead],
  ['smtp; 550 5.5.0 Requested action not taken: mailbox unavailable.', '5.5.0', dead, 'tama@hotmail.com'],
  [
    'smtp; 550 5.4.1 Recipient address rejected: Access denied. AS(201806281) [TY2.prod.protection.outlook.com]',
    '5.4.1',
    dead,
  ],
  [
    'smtp; 550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup',
    '5.1.10',
    dead,
  ],
  ['smtp; 550 sorry, no mailbox here by that name (#5.1.1 - chkuser)', '5.1.1', dead],
  ['smtp; 553 sorry, badrcptto (#5.7.1)', '5.7.1', dead],
  ["smtp; 550 This user doesn't have a kotatsu.example account (tama@kotatsu.example) [0]", '5.0.0', dead],
  [
    "smtp; 554 delivery error: dd This user doesn't have a yahoo.co.jp account (tama@yahoo.co.jp) [0] - mta575.mail.kks.yahoo.co.jp (in reply to end of DATA command)",
    '5.0.0',
    dead,
    'tama@yahoo.co.jp',
  ],
  ['smtp; 550 Invalid recipient: tama@kotatsu.example', '5.0.0', dead],
  ['smtp; 550 #5.1.0 Address rejected.', '5.1.0', dead],
  ['smtp; 550 5.1.0 Address rejected tama@kotatsu.example', '5.1.0', dead],
  ['smtp; 550 5.1.1 unknown or illegal alias: tama@kotatsu.example', '5.1.1', dead],
  [
    'smtp; 554 5.7.1 <tama@kotatsu.example>: Recipient address rejected: user tama@kotatsu.example does not exist',
    '5.7.1',
    dead,
  ],
  [
    'smtp; 550-Mailbox unknown. Either there is no mailbox associated with this 550-name or you do not have authorization to see it. 550 5.1.1 User unknown',
    '5.1.1',
    dead,
  ],
  ['smtp; 550 5.2.1 This account is no longer valid: user unknown', '5.1.1', { action: 'suppress' }],
  ['smtp; 511 sorry, no mailbox here by that name (#5.1.1)', '5.1.1', dead],
  ['smtp; 550 Address unknown', '5.0.0', dead],
  ['smtp; 554 No thank you rejected: Account Unavailable: tama', '5.0.0', dead],
  ['smtp; 550 <tama@kotatsu.example> is not a valid mailbox', '5.0.0', dead],
  [
    'smtp; 550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR204_416 [416]',
    '5.1.1',
    dead,
  ],
  ['smtp; 550 no existe dicha persona', '5.0.0', dead],
  ['smtp; 550 Utilisateur inconnu !', '5.0.0', dead],
  ['smtp; 550 nessun utente simile in questo indirizzo', '5.0.0', dead],
  ['smtp; 550 5.1.1 sid: tama unknown', '5.1.1', dead],
  ['x-unix; user unknown: "tama"', '5.1.1', dead],
  ['X-Postfix; unknown user: "tama"', '5.1.1', dead],
  ["LMTP; 550 5.1.1 <tama@kotatsu.example> User doesn't exist: tama", '5.1.1', dead],
  ['smtp; 550 Mailbox does not exist', '5.0.0', dead],
  ['smtp; 554 5.1.1 Mailbox not found', '5.1.1', dead],
  [
    'smtp; 550 5.1.1 RCP-P1 The attempted recipient address does not exist.',
    '5.1.1',
    dead,
    'tama@facebook.com',
  ],
  ['smtp; 550 Unrouteable address', '5.0.0', { action: 'suppress' }],
  ['smtp; 553 5.3.0 <tama@kotatsu.example>... Addressee unknown, relay=[192.0.2.10]', '5.3.0', dead],
  [
    'smtp; 551 5.1.6 User has moved; please try <tama@irori.example>',
    '5.1.6',
    { reason: 'moved', action: 'suppress' },
  ],
  [
    'smtp; 551 The address tama@kotatsu.example has been replaced by tama@irori.example',
    '5.0.0',
    { reason: 'moved', action: 'suppress' },
  ],
  // gone, said in a way that is not sure
  [
    'smtp; 450 4.1.1 <tama@kotatsu.example>: Recipient address rejected: unverified address: unknown user',
    '4.1.1',
    { reason: 'unknown-user', action: 'count' },
  ],
  [
    'smtp; 550 5.7.1 <tama@kotatsu.example>: Recipient address rejected: Access denied',
    '5.7.1',
    { reason: 'filtered', action: 'count' },
  ],
  [`smtp; 550 user unknown ${DOT}`, '5.0.0', { reason: 'filtered', action: 'count', phase: 'dot' }],
  // docomo, au, SoftBank: the phase and the words decide
  [
    `smtp; 550 Unknown user tama@docomo.ne.jp ${RCPT}`,
    '5.0.0',
    { ...dead, phase: 'rcpt' },
    'tama@docomo.ne.jp',
  ],
  [
    `smtp; 550 Unknown user tama@docomo.ne.jp ${DOT}`,
    '5.0.0',
    { reason: 'filtered', action: 'count', phase: 'dot' },
    'tama@docomo.ne.jp',
  ],
  [
    'smtp; 550 Unknown user tama@docomo.ne.jp',
    '5.0.0',
    { reason: 'filtered', action: 'count', phase: '' },
    'tama@docomo.ne.jp',
  ],
  [`smtp; 550 <tama@ezweb.ne.jp>: User unknown ${RCPT}`, '5.0.0', dead, 'tama@ezweb.ne.jp'],
  [`smtp; 550 : User unknown ${DOT}`, '5.0.0', { reason: 'filtered', action: 'count' }, 'tama@ezweb.ne.jp'],
  [`smtp; 550 : User unknown ${RCPT}`, '5.0.0', { reason: 'filtered', action: 'count' }, 'tama@au.com'],
  [`smtp; 550 Invalid recipient: <tama@softbank.ne.jp> ${RCPT}`, '5.0.0', dead, 'tama@softbank.ne.jp'],
  [
    `smtp; 550 5.2.0 Recipient rejected ${DOT}`,
    '5.2.0',
    { reason: 'filtered', action: 'count' },
    'tama@softbank.ne.jp',
  ],
  [
    `smtp; 552 too much mail data ${DOT}`,
    '5.0.0',
    { reason: 'too-big', action: 'sender' },
    'tama@docomo.ne.jp',
  ],
  // the domain
  [
    'X-Postfix; Host or domain name not found. Name service error for name=kotatsu.example type=AAAA: Host not found',
    '5.4.4',
    { reason: 'unknown-host', action: 'suppress' },
  ],
  [
    'X-Postfix; Host or domain name not found. Name service error for name=kotatsu.example type=MX: Host not found, try again',
    '4.4.3',
    { reason: 'network', action: 'shape' },
  ],
  [
    'X-Postfix; Domain kotatsu.example does not accept mail (nullMX)',
    '5.1.0',
    { reason: 'null-mx', action: 'suppress' },
  ],
  [
    'smtp; 550 5.1.2 <tama@kotatsu.example>: Recipient address rejected: Domain not found',
    '5.1.2',
    { reason: 'unknown-host', action: 'suppress' },
  ],
  ['smtp; 550 Host unknown', '5.1.2', { reason: 'unknown-host', action: 'suppress' }],
  [
    'smtp; 550 5.4.310 DNS domain kotatsu.example does not exist [Message=InfoDomainNonexistent]',
    '5.4.310',
    { reason: 'unknown-host', action: 'suppress' },
  ],
  [
    "dns; DNS Error: DNS type 'mx' lookup of kotatsu.example responded with code NXDOMAIN",
    '5.1.2',
    { reason: 'unknown-host', action: 'suppress' },
  ],
  // the sender's domain, not the recipient's
  [
    'smtp; 553 5.1.8 <news@sender.example>... Domain of sender address news@sender.example does not exist',
    '5.1.8',
    { reason: 'policy', action: 'sender' },
  ],
  [
    `smtp; 450 4.1.8 <news@sender.example>: Sender address rejected: Domain not found ${RCPT}`,
    '4.1.8',
    { reason: 'policy', action: 'sender' },
  ],
  ['smtp; 550 Sender verify failed', '5.0.0', { reason: 'policy', action: 'sender' }],
  [
    'smtp; 550 5.1.0 <news@sender.example>: Sender address rejected: User unknown in virtual mailbox table (in reply to MAIL FROM command)',
    '5.1.0',
    { reason: 'policy', action: 'sender', phase: 'mail' },
  ],
  ['smtp; 553 5.1.8 sender domain must exist', '5.1.8', { reason: 'policy', action: 'sender' }],
  // full, closed, filtered
  [
    'smtp; 552 5.2.2 <tama@kotatsu.example>... Mailbox Full',
    '5.2.2',
    { reason: 'mailbox-full', action: 'count' },
  ],
  [
    "smtp; 452-4.2.2 The recipient's inbox is out of storage space.",
    '4.2.2',
    { reason: 'mailbox-full', action: 'count' },
  ],
  ['smtp; 550 5.2.2 Over quota', '5.2.2', { reason: 'mailbox-full', action: 'count' }],
  [
    'smtp; 554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException',
    '5.2.2',
    { reason: 'mailbox-full', action: 'count' },
  ],
  ['smtp; 550 5.1.1 User over quota. (#5.1.1)', '5.1.1', { reason: 'mailbox-full', action: 'count' }],
  [
    'smtp; 552 Requested mail action aborted: exceeded storage allocation',
    '5.0.0',
    { reason: 'mailbox-full', action: 'count' },
  ],
  [
    'smtp; 550 Boite du destinataire pleine. Recipient overquota. OFR_417 [417]',
    '5.0.0',
    { reason: 'mailbox-full', action: 'count' },
  ],
  [
    'smtp; 554 5.2.2 Quota exceeded (mailbox for user is full)',
    '5.2.2',
    { reason: 'mailbox-full', action: 'count' },
  ],
  [
    'smtp; 550 5.2.1 The email account that you tried to reach is disabled.',
    '5.2.1',
    { reason: 'suspended', action: 'count' },
  ],
  [
    'smtp; 550 5.2.1 <tama@kotatsu.example>... Account is suspended',
    '5.2.1',
    { reason: 'suspended', action: 'count' },
  ],
  [
    'smtp; 550 Boite du destinataire archivee. Archived recipient. OFR_418 [418]',
    '5.0.0',
    { reason: 'suspended', action: 'count' },
  ],
  [
    'smtp; 554 30 Sorry, your message to tama@yahoo.com cannot be delivered. This mailbox is disabled (554.30).',
    '5.0.0',
    { reason: 'suspended', action: 'count' },
    'tama@yahoo.com',
  ],
  ['smtp; 550 invalid/inactive user', '5.0.0', { reason: 'suspended', action: 'count' }],
  [
    'smtp; 550 5.1.1 RCP-P2 Refused due to recipient preferences',
    '5.1.1',
    { reason: 'filtered', action: 'count' },
    'tama@facebook.com',
  ],
  [
    'smtp; 554 5.2.0 the recipient is only accepting mail from specific email addresses',
    '5.2.0',
    { reason: 'filtered', action: 'count' },
  ],
  [
    'smtp; 550 5.7.1 You have been blocked by the recipient',
    '5.7.1',
    { reason: 'filtered', action: 'count' },
  ],
  // us
  [
    'smtp; 554 5.7.1 Service unavailable; Client host [192.0.2.10] blocked using zen.spamhaus.org',
    '5.7.1',
    { reason: 'blocked', action: 'sender' },
  ],
  [
    "smtp; 550 5.7.1 Unfortunately, messages from [192.0.2.10] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3150).",
    '5.7.1',
    { reason: 'blocked', action: 'sender' },
    'tama@hotmail.com',
  ],
  [
    'smtp; 554 IP=192.0.2.10 - A problem occurred. (Ask your postmaster for help or to contact tosa@rx.t-online.de to clarify.)',
    '5.0.0',
    { reason: 'blocked', action: 'sender' },
  ],
  [
    'smtp; 554 5.7.1 The message from (<news@sender.example>) with the subject of (Spring) matches a profile the Internet community may consider spam. User unknown hints are not given.',
    '5.7.1',
    { reason: 'spam', action: 'sender' },
  ],
  [
    'smtp; 550 5.7.1 Message content rejected, UBE, id=00000-00-000',
    '5.7.1',
    { reason: 'spam', action: 'sender' },
  ],
  ['smtp; 550 Rejected: high probability of spam', '5.0.0', { reason: 'spam', action: 'sender' }],
  ['smtp; 554 Message refused by MailMarshal SpamProfiler', '5.0.0', { reason: 'spam', action: 'sender' }],
  [
    'smtp; 554 5.7.1 [192.0.2.10] Gmail has detected that this message is likely suspicious due to the very low reputation of the sending domain',
    '5.7.1',
    { reason: 'reputation', action: 'sender' },
    'tama@gmail.com',
  ],
  [
    'smtp; 550-5.7.26 Your email has been blocked because the sender is unauthenticated.',
    '5.7.26',
    { reason: 'authentication', action: 'sender' },
    'tama@gmail.com',
  ],
  [
    'smtp; 550 5.7.1 Email rejected per DMARC policy for sender.example',
    '5.7.1',
    { reason: 'authentication', action: 'sender' },
  ],
  [
    "smtp; 550 5.7.515 Access denied, sending domain SENDER.EXAMPLE doesn't meet the required authentication level.",
    '5.7.515',
    { reason: 'authentication', action: 'sender' },
    'tama@outlook.com',
  ],
  [
    'smtp; 550 SPF: 192.0.2.10 is not allowed to send mail from sender.example',
    '5.0.0',
    { reason: 'authentication', action: 'sender' },
  ],
  [
    'smtp; 550 5.7.25 Client host rejected: cannot find your reverse hostname, [192.0.2.10]',
    '5.7.25',
    { reason: 'ptr', action: 'sender' },
  ],
  [
    'smtp; 554 5.7.1 <tama@kotatsu.example>: Relay access denied',
    '5.7.1',
    { reason: 'relaying', action: 'sender' },
  ],
  [
    "smtp; 553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
    '5.7.1',
    { reason: 'relaying', action: 'sender' },
  ],
  [
    'smtp; 550 5.7.1 Unable to relay for tama@kotatsu.example',
    '5.7.1',
    { reason: 'relaying', action: 'sender' },
  ],
  ['smtp; 554 5.7.1 Virus found in your mail', '5.7.1', { reason: 'virus', action: 'sender' }],
  ['smtp; 552 5.3.4 Message size exceeds fixed limit', '5.3.4', { reason: 'too-big', action: 'sender' }],
  ['smtp; 552 5.2.3 Message too large for this recipient', '5.2.3', { reason: 'too-big', action: 'sender' }],
  ['smtp; 550 5.7.1 Message rejected due to local policy', '5.7.1', { reason: 'policy', action: 'sender' }],
  ['smtp; 554 Denied [bouncedeny] (Mode: normal)', '5.0.0', { reason: 'policy', action: 'sender' }],
  [
    'smtp; 550 5.7.1 RESOLVER.RST.AuthRequired; authentication required',
    '5.7.1',
    { reason: 'policy', action: 'sender' },
  ],
  ['smtp; 550 Administrative prohibition', '5.0.0', { reason: 'policy', action: 'sender' }],
  // time and load
  [
    'smtp; 421 4.7.0 Too many connections from your host',
    '4.7.0',
    { reason: 'too-many-connections', action: 'shape' },
  ],
  ['smtp; 452 4.5.3 Too many recipients', '4.5.3', { reason: 'too-many-connections', action: 'shape' }],
  [
    'smtp; 421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address.',
    '4.7.28',
    { reason: 'too-fast', action: 'shape' },
    'tama@gmail.com',
  ],
  [
    'smtp; 450 4.2.0 <tama@kotatsu.example>: Recipient address rejected: Greylisted',
    '4.2.0',
    { reason: 'too-fast', action: 'shape' },
  ],
  ['smtp; 452 4.3.1 Insufficient system storage', '4.3.1', { reason: 'system-full', action: 'shape' }],
  [
    'X-Postfix; connect to mx.kotatsu.example[192.0.2.25]:25: Connection timed out',
    '4.4.1',
    { reason: 'network', action: 'shape' },
  ],
  [
    'X-Postfix; connect to mx.kotatsu.example[192.0.2.25]:25: Connection refused',
    '4.4.1',
    { reason: 'network', action: 'shape' },
  ],
  [
    'X-Postfix; lost connection with mx.kotatsu.example[192.0.2.25] while sending end of data -- message may be sent more than once',
    '4.4.2',
    { reason: 'network', action: 'shape', phase: 'dot' },
  ],
  ['smtp; 550 4.4.7 QUEUE.Expired; message expired', '4.4.7', { reason: 'expired', action: 'count' }],
  ['', '4.4.7', { reason: 'expired', action: 'count' }],
  ['smtp; 554 5.4.6 Too many hops', '5.4.6', { reason: 'loop', action: 'none' }],
  ['X-Postfix; mail for kotatsu.example loops back to myself', '5.4.6', { reason: 'loop', action: 'none' }],
  [
    'smtp; 451 4.3.0 Temporary local problem - please try later',
    '4.3.0',
    { reason: 'system', action: 'shape' },
  ],
  ['X-Unix; 75', '5.3.0', { reason: 'system', action: 'shape' }],
  ['X-Unix; 67', '5.0.0', dead],
  [
    'X-Postfix; Command died with status 1: "/usr/bin/filter"',
    '5.3.0',
    { reason: 'system', action: 'shape' },
  ],
  ['smtp; 501 5.1.3 Bad recipient address syntax', '5.1.3', { reason: 'syntax', action: 'none' }],
  ['smtp; 550 rejected', '5.0.0', { reason: 'other', action: 'none' }],
  ['smtp; 554 Transaction failed', '5.0.0', { action: 'none' }],
];

export const cases: Case[] = ROWS.map(([diagnostic, status, expected, recipient = TAMA]) =>
  bounce(
    `reply: ${diagnostic || `(only Status ${status})`}`,
    dsn({
      recipients: [
        [
          `Final-Recipient: rfc822; ${recipient}`,
          'Action: failed',
          `Status: ${status}`,
          ...(diagnostic === '' ? [] : [`Diagnostic-Code: ${diagnostic}`]),
        ],
      ],
      original: undefined,
    }).replace(`To: ${TAMA}`, `To: ${recipient}`),
    { recipient, ...expected },
  ),
);
