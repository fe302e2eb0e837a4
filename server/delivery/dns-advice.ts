/** What can be wrong with a DNS record and what to do, by name. In the UI: `domains.advice.CODE` (a test compares). */
export const DNS_ADVICE = [
  // any record
  'record-missing',
  'name-doubled',
  'cname-in-the-way',
  'txt-quotes',
  'dns-timeout',
  'dns-failed',
  // DKIM
  'dkim-several-records',
  'dkim-revoked',
  'dkim-truncated',
  'dkim-wrong-key',
  'dkim-other-key',
  'dkim-wrong-type',
  'dkim-not-for-mail',
  'dkim-testing',
  // SPF
  'spf-several-records',
  'spf-syntax',
  'spf-not-allowed',
  'spf-pool-not-allowed',
  'spf-after-all',
  'spf-include-broken',
  'spf-loop',
  'spf-plus-all',
  'spf-too-many-lookups',
  'spf-many-lookups',
  'spf-void-lookups',
  'spf-no-all',
  'spf-neutral-all',
  'spf-ptr',
  // DMARC
  'dmarc-several-records',
  'dmarc-not-first',
  'dmarc-policy-missing',
  'dmarc-policy-invalid',
  'dmarc-policy-weaker',
  'dmarc-inherited',
  'dmarc-reports-none',
  'dmarc-reports-differ',
  'dmarc-reports-refused',
  'dmarc-strict-spf',
  // bounces
  'mx-null',
  'mx-elsewhere',
  'mx-others-first',
  'mx-is-cname',
  'mx-is-address',
  'mx-target-unresolved',
  // names and addresses
  'from-null-mx',
  'ehlo-not-public',
  'ehlo-private',
  'ehlo-other-address',
  'ptr-address-unknown',
  'ptr-missing',
  'ptr-not-confirmed',
  'ptr-not-ehlo',
  'ptr-several',
  'ptr-generic',
  // hints
  'tlsrpt-invalid',
  'mta-sts-invalid',
] as const;
export type AdviceCode = (typeof DNS_ADVICE)[number];

/** `values` are shown as they are: names, addresses, counts, a whole value to publish. */
export interface Advice {
  code: AdviceCode;
  values: Record<string, string>;
}

/** With advice, `ok` means: it works, and could be better. */
export interface Verdict {
  state: 'ok' | 'missing' | 'different' | 'error';
  /** what stands there now: TXT values, `10 host` for MX, names, addresses */
  found: string[];
  advice: Advice[];
}

export function advise(code: AdviceCode, values: Record<string, string> = {}): Advice {
  return { code, values };
}
