/** Sources as somebody types them, checked and brought into the form in which they are kept. Pure but for the clock it is given. */

import { domainToASCII } from 'node:url';
import ipaddr from 'ipaddr.js';
import { invalid } from '../errors.ts';
import { readTime } from '../schemas.ts';
import type { PoolSourceInput } from './schemas.ts';

/** What is kept of an address, in whatever pools it is; as in todoke.db. */
export interface SourceRow {
  address: string;
  ehlo: string;
  warmUp: { startedAt: number; plan?: number[] | undefined } | null;
}
export interface CheckedSource extends SourceRow {
  weight: number;
}

export interface KnownSources {
  /** all addresses of all pools */
  rows: ReadonlyMap<string, SourceRow>;
  /** those of the pool that is being changed: their EHLO name may change, for all pools */
  own: ReadonlySet<string>;
  /** a pool that has the address, to name it */
  poolOf(address: string): string;
}

/**
 * @throws AppError `value-invalid` with the field and the value
 */
export function checkSources(
  inputs: readonly PoolSourceInput[],
  known: KnownSources,
  now: number,
): CheckedSource[] {
  const seen = new Map<string, number>();
  return inputs.map((input, index): CheckedSource => {
    const pointer = `/sources/${index}`;
    const address = checkAddress(input.address, `${pointer}/address`);
    const twice = seen.get(address);
    if (twice !== undefined)
      throw invalid(
        `${pointer}/address`,
        'already-exists',
        `is the same address as source ${twice + 1}: ${address}`,
        input.address,
      );
    seen.set(address, index);
    const ehlo = checkEhlo(input.ehlo, `${pointer}/ehlo`);
    const before = known.rows.get(address);
    if (before && before.ehlo !== ehlo && !known.own.has(address))
      throw invalid(
        `${pointer}/ehlo`,
        'ehlo-differs',
        `must be ${before.ehlo}, as pool ${known.poolOf(address)} has it: an address has one name`,
        input.ehlo,
      );
    const warmUp = checkWarmUp(input.warmUp, before?.warmUp ?? null, `${pointer}/warmUp`, now);
    return { address, ehlo, weight: input.weight ?? 1, warmUp };
  });
}

const NO_SOURCE = new Set(['unspecified', 'multicast', 'broadcast', 'ipv4Mapped']);

/** The one way in which an address is written: IPv4 with dots, IPv6 as RFC 5952 has it. */
export function checkAddress(typed: string, pointer: string): string {
  const text = typed.trim().replace(/^\[(.*)\]$/, '$1');
  const four = ipaddr.IPv4.isValidFourPartDecimal(text);
  // A zone (fe80::1%eth0) is no address that mail could leave by.
  if (!four && !(text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text)))
    throw invalid(pointer, 'ip-address', 'must be an IPv4 or IPv6 address such as 192.0.2.10', typed);
  const address = ipaddr.parse(text);
  // ::ffff:192.0.2.10 would be a second source with the first one's address, and never fit a server's family.
  if (NO_SOURCE.has(address.range()))
    throw invalid(pointer, 'ip-address', 'must be an address of this machine', typed);
  return address.toString();
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const FULL_NAME = new RegExp(`^(?=.{4,253}$)(?:${LABEL}\\.)+(?![0-9]+$)${LABEL}$`);

/** RFC 5321 §4.1.1.1: the client's full domain name. */
export function checkEhlo(typed: string, pointer: string): string {
  const name = domainToASCII(typed.trim().replace(/\.$/, '')).toLowerCase();
  if (!FULL_NAME.test(name))
    throw invalid(pointer, 'ehlo-name', 'must be a full domain name such as mail1.example.co.jp', typed);
  return name;
}

function checkWarmUp(
  input: PoolSourceInput['warmUp'],
  before: SourceRow['warmUp'],
  pointer: string,
  now: number,
): SourceRow['warmUp'] {
  if (input === undefined) return before;
  if (input === false) return null;
  if (input === true) return before ?? { startedAt: now };
  const startedAt =
    input.startedAt === undefined
      ? (before?.startedAt ?? now)
      : readTime(input.startedAt, `${pointer}/startedAt`);
  if (startedAt > now)
    throw invalid(
      `${pointer}/startedAt`,
      'value-invalid',
      `is in the future: ${input.startedAt}; a source warms from its first mail`,
      input.startedAt,
    );
  if (input.plan === null) return { startedAt };
  const plan = input.plan ?? before?.plan;
  if (!plan) return { startedAt };
  const lower = plan.findIndex((cap, day) => day > 0 && cap < plan[day - 1]!);
  if (lower > 0)
    throw invalid(
      `${pointer}/plan/${lower}`,
      'value-invalid',
      `must not be less than the day before (${plan[lower - 1]})`,
      plan[lower],
    );
  return { startedAt, plan };
}
