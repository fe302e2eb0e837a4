/** MAIL, RCPT and DATA of one mail, or why this server cannot have it. Pure. */
import { domainToASCII } from 'node:url';
import { hasLongLine } from '../message/long-line.ts';
import { syntheticReply } from './replies.ts';
import type { Capabilities, Mail, Reply } from './types.ts';

export interface EnvelopeCommands {
  /** each with CRLF */
  mail: string;
  rcpt: string;
  /** SMTPUTF8 is used, so the commands are UTF-8; else they are ASCII */
  utf8: boolean;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: CR and LF would end the command
const SUSPECT = /[\x00-\x20<>\x7f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const CONTROL = /[\x00-\x1f\x7f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is the purpose
const NON_ASCII = /[^\x00-\x7f]/;

/**
 * Refused here, so without a transaction: a message over the server's SIZE (5.3.4), a line over 998 octets (5.6.0),
 * 8-bit content without 8BITMIME (5.6.3), a local part that needs SMTPUTF8 without it (5.6.7), an address that would
 * break the command (5.1.3, 5.1.7).
 */
export function envelopeCommands(
  mail: Mail,
  capabilities: Capabilities,
): { ok: true; commands: EnvelopeCommands } | { ok: false; reply: Reply } {
  const { message } = mail;
  if (capabilities.size > 0 && message.length > capabilities.size) {
    return refuse(
      552,
      '5.3.4',
      `Message of ${message.length} bytes is larger than the ${capabilities.size} bytes that the server takes`,
    );
  }
  if (breaksCommand(mail.rcptTo)) return refuse(553, '5.1.3', 'Recipient address cannot stand in a command');
  if (breaksCommand(mail.mailFrom)) return refuse(553, '5.1.7', 'Sender address cannot stand in a command');
  if (mail.eightBit === true && !capabilities.eightBitMime) {
    return refuse(554, '5.6.3', 'Message holds 8-bit content and the server does not offer 8BITMIME');
  }
  if (hasLongLine(message)) return refuse(554, '5.6.0', 'Message has a line longer than 998 octets');

  let sender = mail.mailFrom;
  let recipient = mail.rcptTo;
  let utf8 = NON_ASCII.test(recipient) || NON_ASCII.test(sender);
  if (utf8 && !capabilities.smtpUtf8) {
    const asciiSender = withAsciiDomain(sender);
    const asciiRecipient = withAsciiDomain(recipient);
    if (asciiSender === undefined || asciiRecipient === undefined) {
      return refuse(553, '5.6.7', 'Address is not ASCII and the server does not offer SMTPUTF8');
    }
    sender = asciiSender;
    recipient = asciiRecipient;
    utf8 = false;
  }
  let parameters = capabilities.sizeOffered ? ` SIZE=${message.length}` : '';
  if (mail.eightBit === true) parameters += ' BODY=8BITMIME';
  if (utf8) parameters += ' SMTPUTF8';
  return {
    ok: true,
    commands: { mail: `MAIL FROM:<${sender}>${parameters}\r\n`, rcpt: `RCPT TO:<${recipient}>\r\n`, utf8 },
  };
}

function refuse(code: number, status: string, text: string): { ok: false; reply: Reply } {
  return { ok: false, reply: syntheticReply(code, status, text) };
}

/** Space and angle brackets may only stand inside a quoted local part; control characters nowhere. */
function breaksCommand(address: string): boolean {
  if (!SUSPECT.test(address)) return false;
  if (CONTROL.test(address) || !address.startsWith('"')) return true;
  const quoteEnd = /^"(?:[^"\\]|\\.)*"@/.exec(address)?.[0].length;
  return quoteEnd === undefined || SUSPECT.test(address.slice(quoteEnd));
}

/** The address with its domain as A-label; undefined when the local part is not ASCII or the domain is no domain. */
function withAsciiDomain(address: string): string | undefined {
  if (!NON_ASCII.test(address)) return address;
  const at = address.lastIndexOf('@');
  const local = address.slice(0, at);
  const domain = domainToASCII(address.slice(at + 1));
  return at < 0 || domain === '' || NON_ASCII.test(local) ? undefined : `${local}@${domain}`;
}
