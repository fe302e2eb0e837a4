/** Whether an SPF record lets the domain's mail pass, and what to change. Pure. */
import { type Advice, advise, type Verdict } from './dns-advice.ts';
import { allNodes, countLookups, evaluateSpf, isSpf, parseSpf, type SpfNode } from './dns-spf.ts';

/** RFC 7208 §4.6.4 */
const MAX_LOOKUPS = 10;
const MAX_VOID_LOOKUPS = 2;

/**
 * @param wanted the value that we would publish; its terms are what may be missing
 * @param addresses what the mail leaves by; empty when unknown, then the wanted terms must stand there
 * @param poolsOf the pools that an address is in, to say whose mail fails
 */
export function judgeSpf(
  wanted: string,
  node: SpfNode,
  addresses: readonly string[],
  poolsOf: (address: string) => readonly string[] = () => [],
): Verdict {
  if (node.problem === 'failed') return failed(node);
  const found = node.records;
  if (found.length === 0) return { state: 'missing', found, advice: [advise('record-missing')] };
  if (found.length > 1) {
    const values = { count: String(found.length), suggestion: mergeSpf(found, wanted) };
    return { state: 'different', found, advice: [advise('spf-several-records', values)] };
  }
  if (node.errors.length > 0)
    return { state: 'different', found, advice: [advise('spf-syntax', { terms: node.errors.join(' ') })] };

  const faults = [...permission(wanted, node, addresses, poolsOf), ...limits(node)];
  const broken = faults.length > 0 ? allNodes(node).find(({ problem }) => problem === 'failed') : undefined;
  if (broken && faults.every(({ code }) => code === 'spf-not-allowed' || code === 'spf-pool-not-allowed'))
    return { ...failed(broken), found };
  return { state: faults.length > 0 ? 'different' : 'ok', found, advice: [...faults, ...hints(node)] };
}

function failed(node: SpfNode): Verdict {
  const advice =
    node.detail === 'timeout'
      ? advise('dns-timeout', { name: node.domain })
      : advise('dns-failed', { name: node.domain, error: node.detail ?? '' });
  return { state: 'error', found: [], advice: [advice] };
}

function permission(
  wanted: string,
  node: SpfNode,
  addresses: readonly string[],
  poolsOf: (address: string) => readonly string[],
): Advice[] {
  const all = node.terms.find(({ kind }) => kind === 'all');
  if (all?.qualifier === '+') return [advise('spf-plus-all', { suggestion: mergeSpf(node.records, wanted) })];
  const loop = allNodes(node).find(({ problem }) => problem === 'loop');
  if (loop) return [advise('spf-loop', { include: loop.domain })];
  // An include without exactly one readable record makes the whole record void (§5.2).
  const broken = allNodes(node)
    .slice(1)
    .find(({ problem, records, errors }) => !problem && (records.length !== 1 || errors.length > 0));
  if (broken) return [advise('spf-include-broken', { include: broken.domain })];

  const missing = addresses.filter((address) => evaluateSpf(node, address) !== 'pass');
  const terms = parseSpf(wanted).terms.filter(({ kind }) => kind !== 'all');
  const named = terms.every((term) =>
    passing(node).some((one) => one.kind === term.kind && one.target === term.target),
  );
  if (addresses.length > 0 ? missing.length === 0 : named) return [];
  const last = node.terms.findIndex(({ kind }) => kind === 'all');
  const late = node.terms
    .slice(last < 0 ? node.terms.length : last)
    .some((one) => terms.some((term) => one.kind === term.kind && one.target === term.target));
  const pools = [...new Set(missing.flatMap(poolsOf))];
  const code = late ? 'spf-after-all' : pools.length > 0 ? 'spf-pool-not-allowed' : 'spf-not-allowed';
  return [
    advise(code, {
      terms: terms.map(({ text }) => text).join(' '),
      addresses: missing.join(', '),
      ...(pools.length > 0 && { pools: pools.join(', ') }),
      suggestion: mergeSpf(node.records, wanted),
    }),
  ];
}

/** Terms that let mail pass and are reached: what stands after `all` never is (§5.1). */
function passing(node: SpfNode) {
  const all = node.terms.findIndex(({ kind }) => kind === 'all');
  return (all < 0 ? node.terms : node.terms.slice(0, all)).filter(({ qualifier }) => qualifier === '+');
}

function limits(node: SpfNode): Advice[] {
  const count = countLookups(node);
  if (count > MAX_LOOKUPS || allNodes(node).some(({ problem }) => problem === 'cut'))
    return [
      advise('spf-too-many-lookups', {
        count: String(count),
        limit: String(MAX_LOOKUPS),
        terms: costly(node),
      }),
    ];
  return [];
}

/** The record's own terms that cost the most, such as `include:_spf.example.com (4)`. */
function costly(node: SpfNode): string {
  return node.terms
    .map((term) => ({ term, count: 1 + (term.node ? countLookups(term.node) : 0) }))
    .filter(({ term }) => term.kind === 'include' || term.kind === 'redirect')
    .sort((a, b) => b.count - a.count)
    .slice(0, 5)
    .map(({ term, count }) => `${term.text} (${count})`)
    .join(', ');
}

function* hints(node: SpfNode): Generator<Advice> {
  const count = countLookups(node);
  if (count >= MAX_LOOKUPS - 1 && count <= MAX_LOOKUPS)
    yield advise('spf-many-lookups', { count: String(count), limit: String(MAX_LOOKUPS) });
  const void_ = allNodes(node).flatMap(({ terms }) => terms.filter(({ nothing }) => nothing));
  if (void_.length > MAX_VOID_LOOKUPS)
    yield advise('spf-void-lookups', { terms: void_.map(({ text }) => text).join(' ') });
  const all = node.terms.find(({ kind }) => kind === 'all');
  if (!all && !node.terms.some(({ kind }) => kind === 'redirect')) yield advise('spf-no-all');
  if (all?.qualifier === '?') yield advise('spf-neutral-all');
  if (node.terms.some(({ kind }) => kind === 'ptr')) yield advise('spf-ptr');
}

/**
 * One record out of all that are there and what we want: nobody else who sends for the domain may be lost. The strictest
 * `all` but `+` stays; what nobody can read goes.
 */
export function mergeSpf(records: readonly string[], wanted: string): string {
  const parsed = [...records.filter(isSpf), wanted].map((record) => parseSpf(record).terms);
  const order = parsed.flatMap((terms) => terms.filter(({ kind }) => kind !== 'all' && kind !== 'redirect'));
  const ours = new Set(parseSpf(wanted).terms.map(({ kind, target }) => `${kind}:${target}`));
  // A term of ours that stands there with another sign would go on refusing.
  const kept = order.filter(
    ({ kind, target, qualifier }) => qualifier === '+' || !ours.has(`${kind}:${target}`),
  );
  const texts = kept.map(({ text }) => text.replace(/^\+/, ''));
  const redirect = parsed.flatMap((terms) => terms.filter(({ kind }) => kind === 'redirect'))[0];
  const strictest = (texts: readonly string[]): string | undefined => {
    const alls = texts.flatMap((text) => parseSpf(text).terms.filter(({ kind }) => kind === 'all'));
    return (['-', '~', '?'] as const).find((sign) => alls.some(({ qualifier }) => qualifier === sign));
  };
  const all = strictest(records);
  const end = !all && redirect ? redirect.text : `${all ?? strictest([wanted]) ?? '~'}all`;
  return ['v=spf1', ...new Set(texts), end].join(' ');
}
