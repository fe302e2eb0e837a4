/** Routes: which mail goes to which relay hosts instead of to the MX of its domain. */
import Type, { type Static } from 'typebox';
import { Id, Nullable, Time } from '../../schemas.ts';
import { TlsMode } from './tls.ts';

const Pem = Type.String({ minLength: 1, maxLength: 100_000 });

const relay = {
  host: Type.String({ minLength: 1, maxLength: 253 }),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  /** share of the mail, default 1; 0 is a spare that is used when no other is up */
  weight: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000 })),
  tls: Type.Optional(TlsMode),
  user: Type.Optional(Type.String({ maxLength: 200 })),
  /** parallel, default 20 */
  connections: Type.Optional(Type.Integer({ minimum: 1, maximum: 500 })),
  /** over all connections; absent: no limit */
  ratePerSecond: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 100_000 })),
  /** default 1000 */
  messagesPerConnection: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
  /** PEM certificates to trust instead of the built-in ones; only with tls `verified` */
  ca: Type.Optional(Pem),
};

export const CertificateInfo = Type.Object({
  subject: Type.String(),
  issuer: Type.String(),
  validFrom: Time,
  validTo: Time,
  /** SHA-256, hex with colons */
  fingerprint: Type.String(),
});
export type CertificateInfo = Static<typeof CertificateInfo>;

/** What the MTA says of a relay host. */
export const RelayHealth = Type.Object({
  state: Type.Enum(['up', 'down', 'unknown']),
  since: Time,
  error: Type.String(),
  checkedAt: Nullable(Time),
  connections: Type.Integer(),
  perSecond: Type.Number(),
});

/** Password and private key are never answered, only whether they are there. */
export const Relay = Type.Object({
  ...relay,
  hasPassword: Type.Boolean(),
  caCertificates: Type.Array(CertificateInfo),
  /** `pem`: the certificate alone; with it comes the key that is kept */
  clientCertificate: Nullable(Type.Object({ pem: Type.String(), ...CertificateInfo.properties })),
  /** null: the MTA is down or has not used it yet */
  health: Nullable(RelayHealth),
});
export const Route = Type.Object({
  id: Id,
  match: Type.String(),
  relay: Type.Array(Relay),
  createdAt: Time,
  updatedAt: Time,
});
export type Route = Static<typeof Route>;

/**
 * On PATCH a relay of the same host, port and user keeps its password when none is sent ('' removes it), and its client
 * certificate's key when the certificate is sent without one. `clientCertificate` absent keeps it, null removes it.
 */
export const RelayInput = Type.Object({
  ...relay,
  password: Type.Optional(Type.String({ maxLength: 200 })),
  clientCertificate: Type.Optional(Nullable(Type.Object({ cert: Pem, key: Type.Optional(Pem) }))),
});
export type RelayInput = Static<typeof RelayInput>;
export const RouteCreate = Type.Object({
  match: Type.String({ minLength: 1, maxLength: 253 }),
  relay: Type.Optional(Type.Array(RelayInput, { maxItems: 50 })),
});
export const RoutePatch = Type.Partial(RouteCreate);
