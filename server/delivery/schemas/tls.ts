/** TLS: rules per recipient domain, reports of what sessions got, and whether DANE can work here. */
import Type, { type Static } from 'typebox';
import { Id, Nullable, Time } from '../../schemas.ts';

/** `required`: encrypted or not sent; `verified`: also the certificate must be valid for the host's name. */
export const TlsMode = Type.Enum(['none', 'opportunistic', 'required', 'verified']);

export const TlsRule = Type.Object({
  id: Id,
  /** a domain, `*.domain` or `*`; the most specific wins */
  match: Type.String(),
  mode: TlsMode,
  createdAt: Time,
  updatedAt: Time,
});
export type TlsRule = Static<typeof TlsRule>;
export const TlsRuleCreate = Type.Object({
  match: Type.String({ minLength: 1, maxLength: 255 }),
  mode: TlsMode,
});
export const TlsRulePatch = Type.Partial(TlsRuleCreate);

const Day = Type.String({ format: 'date' });
/** Days in the settings' time zone, both inclusive; default: the last seven. Those with failures come first. */
export const TlsReportQuery = Type.Object({
  from: Type.Optional(Day),
  to: Type.Optional(Day),
  /** the policy's domain, exactly */
  domain: Type.Optional(Type.String({ maxLength: 253 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 2000, default: 500 })),
});
export const TlsReportParams = Type.Object({
  day: Day,
  domain: Type.String({ minLength: 1, maxLength: 253 }),
});

/** Sessions of a day with a recipient domain, by the policy that held (RFC 8460 §4.3). */
export const TlsReportDay = Type.Object({
  day: Type.String(),
  policyDomain: Type.String(),
  successful: Type.Integer(),
  failed: Type.Integer(),
  policies: Type.Array(
    Type.Object({
      /** MTA-STS, DANE, or none of them */
      type: Type.Enum(['sts', 'tlsa', 'no-policy-found']),
      /** the policy's own lines */
      lines: Type.Array(Type.String()),
      mxHosts: Type.Array(Type.String()),
      successful: Type.Integer(),
      failed: Type.Integer(),
      failures: Type.Array(
        Type.Object({
          /** RFC 8460 §4.3 result type such as `certificate-expired` */
          result: Type.String(),
          mxHost: Type.String(),
          sessions: Type.Integer(),
        }),
      ),
    }),
  ),
});
export type TlsReportDay = Static<typeof TlsReportDay>;
export const TlsReports = Type.Object({
  from: Type.String(),
  to: Type.String(),
  items: Type.Array(TlsReportDay),
});
export type TlsReports = Static<typeof TlsReports>;

/** RFC 8460 §4.4, as it would be sent to the domain's `rua`. */
export const Rfc8460Report = Type.Object({
  'organization-name': Type.String(),
  'date-range': Type.Object({ 'start-datetime': Time, 'end-datetime': Time }),
  'contact-info': Type.String(),
  'report-id': Type.String(),
  policies: Type.Array(
    Type.Object({
      policy: Type.Object({
        'policy-type': Type.String(),
        'policy-string': Type.Array(Type.String()),
        'policy-domain': Type.String(),
        'mx-host': Type.Array(Type.String()),
      }),
      summary: Type.Object({
        'total-successful-session-count': Type.Integer(),
        'total-failure-session-count': Type.Integer(),
      }),
      'failure-details': Type.Array(
        Type.Object({
          'result-type': Type.String(),
          'receiving-mx-hostname': Type.String(),
          'failed-session-count': Type.Integer(),
        }),
      ),
    }),
  ),
});
export type Rfc8460Report = Static<typeof Rfc8460Report>;

/** Whether the recipients' own TLS policies are asked for, and can be. */
export const TlsStatus = Type.Object({
  /** as set in `/settings` */
  mtaSts: Type.Boolean(),
  dane: Type.Boolean(),
  resolver: Type.Object({
    /** TODOKE_DNS; empty: the system's */
    servers: Type.Array(Type.String()),
    /** sets the AD bit for signed names (RFC 4035 §3.2.3); null: it did not answer. Without it DANE changes nothing. */
    validates: Nullable(Type.Boolean()),
    /** English: what was asked and what came */
    detail: Type.String(),
    checkedAt: Time,
  }),
});
export type TlsStatus = Static<typeof TlsStatus>;
