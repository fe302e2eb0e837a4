/** What the sessions of a day with a recipient domain got (RFC 8460): for the screen, and as the report that its owner may ask for. */
import { createHash } from 'node:crypto';
import { Days, type TlsReportRow } from '../../mta/index.ts';
import type { Rfc8460Report, TlsReportDay } from './schemas.ts';

/** Those with failures first, newest day first, then by domain. Pure. */
export function foldReports(rows: readonly TlsReportRow[]): TlsReportDay[] {
  const days = new Map<string, TlsReportDay>();
  for (const row of rows) {
    const key = `${row.day} ${row.policyDomain}`;
    const day = days.get(key) ?? {
      day: row.day,
      policyDomain: row.policyDomain,
      successful: 0,
      failed: 0,
      policies: [],
    };
    days.set(key, day);
    let policy = day.policies.find(({ type }) => type === row.policyType);
    if (!policy) {
      policy = { type: row.policyType, lines: [], mxHosts: [], successful: 0, failed: 0, failures: [] };
      day.policies.push(policy);
    }
    if (policy.lines.length === 0) policy.lines = row.policyString.split('\n').filter((line) => line !== '');
    if (row.mxHost !== '' && !policy.mxHosts.includes(row.mxHost)) policy.mxHosts.push(row.mxHost);
    const kind = row.result === '' ? 'successful' : 'failed';
    day[kind] += row.sessions;
    policy[kind] += row.sessions;
    if (row.result !== '')
      policy.failures.push({ result: row.result, mxHost: row.mxHost, sessions: row.sessions });
  }
  return [...days.values()].sort(
    (a, b) =>
      Number(b.failed > 0) - Number(a.failed > 0) ||
      b.day.localeCompare(a.day) ||
      a.policyDomain.localeCompare(b.policyDomain),
  );
}

/** RFC 8460 §4.4. `sender` is who reports: the organisation's name, and a domain for contact and report id. */
export function rfc8460Report(
  report: TlsReportDay,
  timeZone: string,
  sender: { organisation: string; domain: string },
): Rfc8460Report {
  const { from, to } = boundsOf(report.day, timeZone);
  return {
    'organization-name': sender.organisation || sender.domain,
    'date-range': { 'start-datetime': utc(from), 'end-datetime': utc(to - 1000) },
    'contact-info': `postmaster@${sender.domain}`,
    'report-id': `${utc(from)}_${shortHash(report.policyDomain)}@${sender.domain}`,
    policies: report.policies.map((policy) => ({
      policy: {
        'policy-type': policy.type,
        'policy-string': policy.lines,
        'policy-domain': report.policyDomain,
        'mx-host': policy.mxHosts,
      },
      summary: {
        'total-successful-session-count': policy.successful,
        'total-failure-session-count': policy.failed,
      },
      'failure-details': policy.failures.map(({ result, mxHost, sessions }) => ({
        'result-type': result,
        'receiving-mx-hostname': mxHost,
        'failed-session-count': sessions,
      })),
    })),
  };
}

/** RFC 8460 §5.1: sender!domain!begin!end, in seconds. */
export function reportFileName(report: Rfc8460Report, domain: string, senderDomain: string): string {
  const { 'start-datetime': start, 'end-datetime': end } = report['date-range'];
  return `${senderDomain}!${domain}!${Date.parse(start) / 1000}!${Date.parse(end) / 1000}.json`;
}

/** YYYY-MM-DD, so many days before another. */
export const dayBefore = (day: string, count: number): string =>
  new Date(Date.parse(day) - count * DAY).toISOString().slice(0, 10);

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** epoch ms, [from, to). The day begins at most 14 hours before and 12 after the same day in UTC. */
function boundsOf(day: string, timeZone: string): { from: number; to: number } {
  const days = new Days(timeZone);
  const midnight = Date.parse(day);
  for (let at = midnight - 14 * HOUR; at <= midnight + 14 * HOUR; at += HOUR) {
    // Two hours a day may be left out where clocks change, never a whole day but once in Samoa's history.
    if (days.dayOf(at) === day) return { from: days.endOf(at - HOUR), to: days.endOf(at) };
  }
  return { from: midnight, to: midnight + DAY };
}

const utc = (at: number): string => new Date(at).toISOString().replace('.000Z', 'Z');
const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);
