/** MTA-STS policies as text: the TXT record and the policy file (RFC 8461 §3.1, §3.2). Pure. */

export interface StsPolicy {
  mode: 'enforce' | 'testing' | 'none';
  /** host names and `*.suffix`, lower case, in the policy's order; may be empty only with mode none */
  mx: readonly string[];
  /** seconds */
  maxAge: number;
}

/** A year and a leap day: nothing is believed for longer, as the RFC says (§3.2). */
const MAX_AGE = 31_557_600;
/** More hosts than anybody has: bounds what is kept of a policy of 64 KB. */
const MAX_MX = 200;

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const MX = new RegExp(`^(?:\\*\\.)?(?:${LABEL}\\.)*${LABEL}$`);

/**
 * The policy's id as the TXT records of `_mta-sts.DOMAIN` name it, undefined when the domain has no policy: records that
 * do not begin with `v=STSv1;` are others', and more than one is as good as none (§3.1).
 */
export function stsId(records: readonly string[]): string | undefined {
  const own = records.filter((record) => /^v=STSv1[ \t]*;/.test(record));
  if (own.length !== 1) return undefined;
  for (const field of own[0]!.split(';').slice(1)) {
    const [, id] = /^[ \t]*id[ \t]*=[ \t]*([A-Za-z0-9]{1,32})[ \t]*$/.exec(field) ?? [];
    if (id !== undefined) return id;
  }
  return undefined;
}

/** Reads a policy file. Of a field that comes twice the first counts, except `mx`; unknown fields are for later versions. */
export function parseStsPolicy(text: string): { ok: true; policy: StsPolicy } | { ok: false; error: string } {
  const fields = new Map<string, string>();
  const mx: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '') continue;
    const [, key, value] = /^[ \t]*([A-Za-z0-9][\w.-]{0,31})[ \t]*:[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (key === undefined || value === undefined)
      return fail(`line ${JSON.stringify(line.slice(0, 80))} is not a field`);
    if (key !== 'mx') {
      if (!fields.has(key)) fields.set(key, value);
      continue;
    }
    const pattern = value.toLowerCase().replace(/\.$/, '');
    if (!MX.test(pattern)) return fail(`mx ${JSON.stringify(value.slice(0, 80))} is not a host name`);
    if (mx.length >= MAX_MX) return fail(`more than ${MAX_MX} mx`);
    mx.push(pattern);
  }
  const version = fields.get('version');
  if (version !== 'STSv1') return fail(`version is ${quote(version)}, not STSv1`);
  const mode = fields.get('mode');
  if (mode !== 'enforce' && mode !== 'testing' && mode !== 'none')
    return fail(`mode is ${quote(mode)}, not enforce, testing or none`);
  const age = fields.get('max_age');
  if (age === undefined || !/^\d{1,10}$/.test(age))
    return fail(`max_age is ${quote(age)}, not a number of seconds`);
  if (mx.length === 0 && mode !== 'none') return fail('mx is missing');
  return { ok: true, policy: { mode, mx, maxAge: Math.min(Number(age), MAX_AGE) } };
}

/** `*.example.com` stands for exactly one label (§4.1). */
export function stsMatches(host: string, patterns: readonly string[]): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  const parent = name.slice(name.indexOf('.') + 1);
  return patterns.some((pattern) =>
    pattern.startsWith('*.') ? name !== parent && pattern.slice(2) === parent : pattern === name,
  );
}

/** The policy's lines for a TLS report (RFC 8460 §4.4 policy-string), LF between them. */
export function stsPolicyLines({ mode, mx, maxAge }: StsPolicy): string {
  return ['version: STSv1', `mode: ${mode}`, ...mx.map((host) => `mx: ${host}`), `max_age: ${maxAge}`].join(
    '\n',
  );
}

const fail = (error: string): { ok: false; error: string } => ({ ok: false, error });
const quote = (value: string | undefined): string =>
  value === undefined ? 'missing' : JSON.stringify(value.slice(0, 80));
