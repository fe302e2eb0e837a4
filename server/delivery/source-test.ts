/** Whether mail can leave by an address, and whether receivers will trust it: what was found, and what to change. */
import ipaddr from 'ipaddr.js';
import type { Resolver } from '../../mta/index.ts';
import type { SourceTest } from './schemas.ts';
import { checkAddress, checkEhlo } from './source-input.ts';

/** Rejects when this machine cannot send from the address. */
type Bind = (address: string) => Promise<void>;
type Look = Pick<Resolver, 'a' | 'aaaa' | 'ptr'>;

/**
 * All three at once. Never rejects for what it finds.
 * @throws AppError `value-invalid` for what is no address or no full name
 */
export async function testSource(
  typed: { address: string; ehlo: string },
  parts: { bind: Bind; resolver: Look },
): Promise<SourceTest> {
  const address = checkAddress(typed.address, '/address');
  const name = checkEhlo(typed.ehlo, '/ehlo');
  const [bind, ptr, ehlo] = await Promise.all([
    testBind(address, parts.bind),
    testPtr(address, name, parts.resolver),
    testEhlo(address, name, parts.resolver),
  ]);
  return { address, ehloName: name, bind, ptr, ehlo };
}

async function testBind(address: string, bind: Bind): Promise<SourceTest['bind']> {
  try {
    await bind(address);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRNOTAVAIL')
      return {
        state: 'error',
        code: 'bind-not-here',
        found: [],
        detail: `${address} is not an address of this machine or container. Add it to the network interface, and give the container the host's network or an address of its own (deploy/README.md, IP pools).`,
      };
    return {
      state: 'error',
      code: 'bind-failed',
      found: [code ?? message],
      detail: `${address} cannot be bound: ${message}`,
    };
  }
  return { state: 'ok', code: 'bind-ok', found: [address], detail: `Mail can leave by ${address}` };
}

async function testPtr(address: string, name: string, resolver: Look): Promise<SourceTest['ptr']> {
  const answer = await resolver.ptr(address);
  if (answer.kind === 'temporary')
    return { state: 'error', code: 'ptr-dns-failed', found: [], detail: `PTR ${address}: ${answer.error}` };
  const found = answer.kind === 'records' ? answer.records.map(bare) : [];
  if (found.length === 0)
    return {
      state: 'error',
      code: 'ptr-missing',
      found,
      detail: `${address} has no PTR record. Ask who gave you the address (provider or network department) to set it to ${name}.`,
    };
  if (!found.includes(name))
    return {
      state: 'error',
      code: 'ptr-different',
      found,
      detail: `The PTR record of ${address} says ${found.join(', ')}. Have it set to ${name}, or use that name as EHLO name.`,
    };
  if (found.length > 1)
    return {
      state: 'warning',
      code: 'ptr-ok',
      found,
      detail: `${address} has ${found.length} PTR records. Receivers may take any of them: leave only ${name}.`,
    };
  return { state: 'ok', code: 'ptr-ok', found, detail: `The PTR record of ${address} is ${name}` };
}

async function testEhlo(address: string, name: string, resolver: Look): Promise<SourceTest['ehlo']> {
  const six = address.includes(':');
  const type = six ? 'AAAA' : 'A';
  const answer = await (six ? resolver.aaaa(name) : resolver.a(name));
  if (answer.kind === 'temporary')
    return { state: 'error', code: 'ehlo-dns-failed', found: [], detail: `${type} ${name}: ${answer.error}` };
  const found = answer.kind === 'records' ? [...answer.records] : [];
  if (found.length === 0)
    return {
      state: 'error',
      code: 'ehlo-missing',
      found,
      detail: `${name} has no ${type} record. Add one with ${address}.`,
    };
  // Addresses are compared as addresses: DNS servers write IPv6 in more than one way.
  if (!found.some((each) => ipaddr.isValid(each) && ipaddr.parse(each).toString() === address))
    return {
      state: 'error',
      code: 'ehlo-different',
      found,
      detail: `The ${type} record of ${name} says ${found.join(', ')}. It must name ${address}.`,
    };
  return { state: 'ok', code: 'ehlo-ok', found, detail: `${name} leads to ${address}` };
}

const bare = (name: string): string => name.toLowerCase().replace(/\.$/, '');
