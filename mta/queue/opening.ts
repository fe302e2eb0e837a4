import { isIP } from 'node:net';
import type { HostTarget } from '../routing/types.ts';
import type { OpenOutcome, Session } from '../smtp/types.ts';
import type { Phase, TlsPolicyName } from '../types.ts';
import type { Line } from './line.ts';
import { type SessionOpener, tlsStatus } from './session-opener.ts';

export interface OpenFailure {
  phase: Phase;
  host: string;
  code: number;
  status: string;
  text: string;
  /** the source could not be bound: no server was asked */
  bindFailed: boolean;
  /** the server was reached, but not with the TLS that the mail asks for */
  tlsUnmet: boolean;
  /** what asked for it, with `tlsUnmet` */
  tlsPolicy?: TlsPolicyName | undefined;
}

/** Who wants a connection. */
export interface OpenRequest {
  line: Line;
  /** recipient domain of the mail for which it is opened */
  domain: string;
  opener: Pick<SessionOpener, 'open'>;
  /** said before each try, and with undefined after it has failed; false: nobody wants the connection any more */
  tries(target: HostTarget | undefined): boolean;
}

export type Opened =
  | { ok: true; session: Session; target: HostTarget }
  /** of the last host that was tried */
  | { ok: false; failure: OpenFailure };

/** Tries host after host until one answers (RFC 5321 §5.1). Never rejects. */
export async function openFirst({ line, domain, opener, tries }: OpenRequest): Promise<Opened> {
  const { site, source } = line.lane;
  let hosts: HostTarget[];
  try {
    hosts = line.lane.inOrder(sameFamily(await site.spec.hosts(), source.address));
  } catch (error) {
    return { ok: false, failure: unreached('dns', '4.4.3', String((error as Error).message ?? error)) };
  }
  let failure = unreached('dns', '4.4.4', 'no host with an address that the source can reach');
  let unmet: OpenFailure | undefined;
  const { relays } = site;
  const tried = new Set<HostTarget>();
  // With each that fails there may be others to turn to: spares, once no relay is left that comes before them.
  const next = (): HostTarget | undefined => {
    const candidates = relays?.candidates(hosts, line.urgent, performance.now()) ?? hosts;
    return candidates.find((target) => !tried.has(target));
  };
  if (relays && hosts.length > 0)
    failure = unreached('connect', ALL_IN_USE, 'the relays have all connections of their route');
  for (let target = next(); target; target = next()) {
    tried.add(target);
    const host = `${target.host} [${target.address}]:${target.port}`;
    const relay = relays?.find(target.relay ?? target);
    if (!tries(target)) break;
    const outcome = await opener.open({
      target,
      tls: line.tls,
      domain,
      ehloName: source.ehlo,
      localAddress: source.address || undefined,
    });
    if (outcome.ok) return { ok: true, session: outcome.session, target };
    tries(undefined);
    failure = {
      phase: outcome.phase,
      host,
      code: outcome.reply?.code ?? 0,
      status: statusOf(outcome),
      text: outcome.reply?.text ?? outcome.error ?? 'connection failed',
      bindFailed: outcome.bindFailed === true,
      tlsUnmet: outcome.tlsUnmet === true,
      tlsPolicy: outcome.tlsPolicy,
    };
    // No server was asked: the next would fail in the same way.
    if (failure.bindFailed) return { ok: false, failure };
    // What this mail asks of TLS says nothing of the host, unless it is the relay's own setting.
    if (failure.tlsUnmet) unmet ??= failure;
    else line.lane.hostFailed(target);
    const moreAddresses = hosts.some((other) => !tried.has(other) && other.relay === target.relay);
    if (relay && !moreAddresses && (!failure.tlsUnmet || target.relay?.tls)) relay.failed(failure.text);
  }
  // Mail with other demands may get through where one server was reached.
  return { ok: false, failure: unmet ?? failure };
}

/** RFC 3463 X.4.5: system congestion; the relays work, and have all the connections that they may. */
export const ALL_IN_USE = '4.4.5';

const statusOf = ({ reply, tlsUnmet, tlsProblem }: OpenOutcome & { ok: false }): string =>
  tlsUnmet && tlsProblem ? tlsStatus(tlsProblem) : reply?.status || '4.4.1';

/** An IPv4 address cannot be bound for a connection to an IPv6 one; that is no failure of the source. */
function sameFamily(hosts: HostTarget[], source: string): HostTarget[] {
  return source === '' ? hosts : hosts.filter(({ address }) => isIP(address) === isIP(source));
}

const unreached = (phase: Phase, status: string, text: string, host = ''): OpenFailure => ({
  phase,
  host,
  code: 0,
  status,
  text,
  bindFailed: false,
  tlsUnmet: false,
});
