/** Whom we take mail for. Everything is known from the address itself, so that guessing costs no look-up. */
import { domainToASCII } from 'node:url';
import type { DeliveryIds } from '../message/signed-ids.ts';
import { parseVerp } from '../message/verp.ts';
import type { DeliverySettings } from '../types.ts';

/**
 * `bounce`, `unsubscribe`: a signed address of one delivery. `feedback`: where providers send complaints. `postmaster`,
 * `abuse`: people, for the administrator to read.
 */
export type InboundRole = 'bounce' | 'unsubscribe' | 'feedback' | 'postmaster' | 'abuse';

export interface InboundRecipient {
  /** as it was given */
  address: string;
  role: InboundRole;
  /** of the delivery that a signed address names */
  ids: DeliveryIds | null;
}

/** What the listener must know of the settings. */
export interface InboundSettings {
  /** EHLO name, for the greeting */
  name: string;
  tokenKey: string;
  /** sending and return-path domains, lower-case A-labels */
  domains: ReadonlySet<string>;
}

export type Judgement =
  | { ok: true; recipient: InboundRecipient }
  /** `text` begins with the RFC 3463 status */
  | { ok: false; code: number; text: string };

const ROLES = new Map<string, InboundRole>([
  ['feedback', 'feedback'],
  ['fbl', 'feedback'],
  // RFC 5321 §4.5.1, RFC 2142 §4
  ['postmaster', 'postmaster'],
  ['abuse', 'abuse'],
]);

export function inboundSettings(settings: DeliverySettings): InboundSettings {
  const names = settings.domains.flatMap(({ domain, returnPathDomain }) => [domain, returnPathDomain]);
  return { name: settings.ehloName, tokenKey: settings.tokenKey, domains: new Set(names.map(aLabel)) };
}

/**
 * A signature is enough, whatever the domain: the return path may have been moved to another one since, and mail of then
 * still comes back to the old. It is no relay, as nothing is ever passed on.
 */
export function judgeRecipient(address: string, settings: InboundSettings): Judgement {
  const at = address.lastIndexOf('@');
  const local = (at < 0 ? address : address.slice(0, at)).toLowerCase();
  // RFC 5321 §4.1.1.3: postmaster may come without a domain
  if (at < 0 && local === 'postmaster') return taken(address, 'postmaster');
  const signed = parseVerp(settings.tokenKey, local);
  if (signed) {
    const { kind, ...ids } = signed;
    return { ok: true, recipient: { address, role: kind, ids } };
  }
  if (!settings.domains.has(aLabel(address.slice(at + 1))))
    return {
      ok: false,
      code: 550,
      text: `5.7.1 <${address}>: relaying denied, this host takes no mail for it`,
    };
  const role = ROLES.get(local);
  if (role) return taken(address, role);
  const looksSigned = /^[bu]-[a-z2-7]+-/.test(local);
  return {
    ok: false,
    code: 550,
    text: `5.1.1 <${address}>: ${looksSigned ? 'this return path was not made here' : 'no such address here'}`,
  };
}

function taken(address: string, role: InboundRole): Judgement {
  return { ok: true, recipient: { address, role, ids: null } };
}

/** smtp-server hands domains over as U-labels. '' for what is no domain. */
function aLabel(domain: string): string {
  return domainToASCII(domain).replace(/\.$/, '');
}
