/**
 * Acts as the people whose mail lies in the sandbox: some open it (their mail program fetches the pixel), some click,
 * a few unsubscribe as Gmail's button does (RFC 8058). All through the public port, as from the internet.
 */
import type { SandboxMessage, SandboxMessageDetail } from '../../server/delivery/schemas.ts';
import type { Api } from '../api.ts';
import { pick, pickWeighted, seededRandom } from './random.ts';

/** Share of all who got the mail. */
export const RATES = { open: 0.35, click: 0.09, unsubscribe: 0.004 };
const CONCURRENCY = 8;
/** Which of the mail's links get clicked, by place. */
const LINK_WEIGHTS = { 0: 45, 1: 20, 2: 12, 3: 23 };
const USER_AGENTS = [
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148',
  'Mozilla/5.0 (Linux; Android 15; SO-52E) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15',
];

export interface ReaderCounts {
  mails: number;
  opens: number;
  clicks: number;
  unsubscribes: number;
}

/** What one person does; the same for the same address. */
export function decideReading(address: string): {
  opens: boolean;
  clicks: boolean;
  unsubscribes: boolean;
  random: () => number;
} {
  const random = seededRandom(
    [...address].reduce((hash, letter) => (Math.imul(hash, 31) + letter.codePointAt(0)!) | 0, 7),
  );
  const place = random();
  const clicks = place < RATES.click;
  // Who unsubscribes has mostly opened it and rarely clicks: taken from the upper end of those who open.
  const unsubscribes = place >= RATES.open - RATES.unsubscribe && place < RATES.open;
  return { opens: place < RATES.open, clicks, unsubscribes, random };
}

/** Reads the newest `mails` mails of the sandbox. */
export async function simulateReaders(
  api: Api,
  publicUrl: string,
  seen: (counts: ReaderCounts) => void,
): Promise<ReaderCounts> {
  const counts: ReaderCounts = { mails: 0, opens: 0, clicks: 0, unsubscribes: 0 };
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: { items: SandboxMessage[]; nextCursor: string | null } = await api.get(
      `/sandbox-messages?limit=200${cursor && `&cursor=${cursor}`}`,
    );
    const queue = page.items.slice();
    const work = async (): Promise<void> => {
      for (let mail = queue.pop(); mail; mail = queue.pop()) await read(api, publicUrl, mail, counts);
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    counts.mails += page.items.length;
    seen(counts);
    cursor = page.nextCursor;
  }
  return counts;
}

async function read(api: Api, publicUrl: string, mail: SandboxMessage, counts: ReaderCounts): Promise<void> {
  const { opens, clicks, unsubscribes, random } = decideReading(mail.to);
  if (!opens) return;
  const headers = { 'user-agent': pick(random, USER_AGENTS) };
  const html = await api.text(`/sandbox-messages/${mail.id}/html`);
  const urls = (pattern: RegExp): string[] =>
    [...html.matchAll(pattern)]
      .map((match) => match[1]!.replaceAll('&amp;', '&'))
      .filter((url) => url.startsWith(publicUrl));

  const pixel = urls(/<img[^>]+src="([^"]+)"/g).at(-1);
  if (!pixel) throw new Error(`Mail ${mail.id} has no open pixel`);
  await expectStatus(pixel, { headers }, 200);
  counts.opens += 1;

  if (clicks) {
    const links = urls(/<a[^>]+href="([^"]+)"/g).filter((url) => new URL(url).pathname.startsWith('/c/'));
    const link = links[Number(pickWeighted(random, LINK_WEIGHTS))] ?? links[0];
    if (!link) throw new Error(`Mail ${mail.id} has no tracked link`);
    // The redirect is all that counts: nothing may leave this machine.
    await expectStatus(link, { headers, redirect: 'manual' }, 302);
    counts.clicks += 1;
  }
  if (unsubscribes) {
    const detail = await api.get<SandboxMessageDetail>(`/sandbox-messages/${mail.id}`);
    const field = detail.headers.find(({ name }) => name.toLowerCase() === 'list-unsubscribe')?.value ?? '';
    const url = /<(https?:[^>]+)>/.exec(field)?.[1];
    if (!url) throw new Error(`Mail ${mail.id} has no https List-Unsubscribe`);
    await expectStatus(
      url,
      { method: 'POST', headers, body: new URLSearchParams({ 'List-Unsubscribe': 'One-Click' }) },
      200,
    );
    counts.unsubscribes += 1;
  }
}

async function expectStatus(url: string, init: RequestInit, status: number): Promise<void> {
  const response = await fetch(url, init);
  await response.arrayBuffer();
  if (response.status !== status)
    throw new Error(`${init.method ?? 'GET'} ${url} answered ${response.status}, not ${status}`);
}
