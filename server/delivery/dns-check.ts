import { judgeRecord, type RecordCheck, type WantedRecord } from './dns-records.ts';

/** `values`: TXT strings joined per record, MX as `10 host`, addresses; empty when the name or type does not exist. */
export type DnsLookup = (
  name: string,
  type: 'TXT' | 'MX' | 'A' | 'AAAA',
) => Promise<{ ok: true; values: string[] } | { ok: false; problem: string }>;

/** Looks every record up now; the answers are what the world sees, within the records' TTL. */
export async function checkRecords(
  wanted: WantedRecord[],
  ehloName: string,
  lookup: DnsLookup,
): Promise<RecordCheck[]> {
  const own = await Promise.all([lookup(ehloName, 'A'), lookup(ehloName, 'AAAA')]);
  const ownAddresses = own.flatMap((answer) => (answer.ok ? answer.values : []));
  return Promise.all(wanted.map((record) => checkRecord(record, ownAddresses, lookup)));
}

async function checkRecord(
  record: WantedRecord,
  ownAddresses: string[],
  lookup: DnsLookup,
): Promise<RecordCheck> {
  const { purpose } = record;
  let verdict: Omit<RecordCheck, 'purpose'> = { state: 'missing', found: [] };
  for (const name of purpose === 'dmarc' ? dmarcNames(record.name) : [record.name]) {
    const answer = await lookup(name, record.type);
    if (!answer.ok) return { purpose, state: 'error', found: [answer.problem] };
    verdict = judgeRecord(record, answer.values, ownAddresses);
    if (verdict.state !== 'missing') break;
  }
  return { purpose, ...verdict };
}

/**
 * A parent's policy covers its subdomains. Walking up all labels finds it without a list of public suffixes; at most
 * eight look-ups (the DNS tree walk of DMARCbis), and never at a top-level domain alone.
 */
function dmarcNames(name: string): string[] {
  const labels = name.replace(/^_dmarc\./, '').split('.');
  const names: string[] = [];
  for (let from = 0; labels.length - from >= 2; from += 1) {
    if (from > 0 && labels.length - from > 7) continue;
    names.push(`_dmarc.${labels.slice(from).join('.')}`);
  }
  return names;
}
