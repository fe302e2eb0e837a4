/** A relay host in the route's form. Pure. */
import type { Route } from '../../../../server/delivery/schemas.ts';

type Relay = Route['relay'][number];
type Tls = NonNullable<Relay['tls']>;

export interface Host {
  host: string;
  port: number | null;
  weight: number | null;
  tls: Tls;
  user: string;
  /** only what is typed now: the stored one is never shown */
  password: string;
  hasPassword: boolean;
  connections: number | null;
  ratePerSecond: number | null;
  messagesPerConnection: number | null;
  ca: string;
  /** of the client certificate: keep the stored one, take the typed one, or have none */
  certificate: 'keep' | 'new' | 'none';
  cert: string;
  key: string;
}

export const blankHost = (): Host => ({
  host: '',
  port: 587,
  weight: 1,
  tls: 'opportunistic',
  user: '',
  password: '',
  hasPassword: false,
  connections: null,
  ratePerSecond: null,
  messagesPerConnection: null,
  ca: '',
  certificate: 'none',
  cert: '',
  key: '',
});

export const hostOf = (relay: Relay): Host => ({
  host: relay.host,
  port: relay.port,
  weight: relay.weight ?? 1,
  tls: relay.tls ?? 'opportunistic',
  user: relay.user ?? '',
  password: '',
  hasPassword: relay.hasPassword,
  connections: relay.connections ?? null,
  ratePerSecond: relay.ratePerSecond ?? null,
  messagesPerConnection: relay.messagesPerConnection ?? null,
  ca: relay.ca ?? '',
  certificate: relay.clientCertificate ? 'keep' : 'none',
  cert: '',
  key: '',
});

/** As the API wants it: what is left empty takes the default, what is kept is not sent. */
export function relayOf(host: Host) {
  return {
    host: host.host.trim(),
    port: host.port!,
    weight: host.weight ?? 1,
    tls: host.tls,
    ...(host.user.trim() && { user: host.user.trim() }),
    ...(host.password && { password: host.password }),
    ...(host.connections !== null && { connections: host.connections }),
    ...(host.ratePerSecond !== null && { ratePerSecond: host.ratePerSecond }),
    ...(host.messagesPerConnection !== null && { messagesPerConnection: host.messagesPerConnection }),
    ...(host.tls === 'verified' && host.ca.trim() && { ca: host.ca.trim() }),
    ...(host.certificate === 'none' && { clientCertificate: null }),
    ...(host.certificate === 'new' && {
      clientCertificate: { cert: host.cert.trim(), key: host.key.trim() },
    }),
  };
}

/** What a pasted PEM text holds; undefined: no whole block of it. */
export function pemKind(text: string): 'certificate' | 'key' | undefined {
  const block = /-----BEGIN ([A-Z ]+)-----[\s\S]+?-----END \1-----/.exec(text)?.[1];
  if (block === 'CERTIFICATE') return 'certificate';
  return block !== undefined && /^((RSA|EC|ENCRYPTED) )?PRIVATE KEY$/.test(block) ? 'key' : undefined;
}

export type HostError =
  | 'host-missing'
  | 'port-invalid'
  | 'number-invalid'
  | 'certificate-missing'
  | 'key-missing'
  | 'ca-invalid';

/** Field of the API → what is wrong. */
export function checkHost(host: Host): Record<string, HostError> {
  const errors: Record<string, HostError> = {};
  if (host.host.trim() === '') errors.host = 'host-missing';
  if (!host.port || !Number.isInteger(host.port) || host.port < 1 || host.port > 65_535)
    errors.port = 'port-invalid';
  const whole = (n: number | null, min: number, max: number) =>
    n === null || (Number.isInteger(n) && n >= min && n <= max);
  if (!whole(host.weight, 0, 1000)) errors.weight = 'number-invalid';
  if (!whole(host.connections, 1, 500)) errors.connections = 'number-invalid';
  if (!whole(host.messagesPerConnection, 1, 100_000)) errors.messagesPerConnection = 'number-invalid';
  if (host.ratePerSecond !== null && !(host.ratePerSecond > 0)) errors.ratePerSecond = 'number-invalid';
  if (host.tls === 'verified' && host.ca.trim() && pemKind(host.ca) !== 'certificate')
    errors.ca = 'ca-invalid';
  if (host.certificate === 'new') {
    if (pemKind(host.cert) !== 'certificate') errors['clientCertificate.cert'] = 'certificate-missing';
    if (pemKind(host.key) !== 'key') errors['clientCertificate.key'] = 'key-missing';
  }
  return errors;
}
