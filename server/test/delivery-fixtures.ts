/** What the MTA might report, and a harness of the delivery routes, for tests. */
import type { LineStatus, MtaStatus } from '../../mta/index.ts';
import { deliveryRoutes } from '../delivery/routes.ts';
import { call, type Harness, startHarness } from '../testing/harness.ts';

type Told = MtaStatus & { lines: LineStatus[] };

export const statusWith = (parts: Partial<Told>): Told => ({
  at: 0,
  mode: 'live',
  perSecond: 0,
  inFlight: 0,
  connections: 0,
  lines: [],
  sites: [],
  siteCount: parts.sites?.length ?? 0,
  sources: [],
  relays: [],
  problems: [],
  rssMB: 80,
  ...parts,
});

export const lineWith = (parts: Partial<LineStatus>): LineStatus => ({
  domain: 'docomo.ne.jp',
  class: 'bulk',
  provider: 'docomo',
  waiting: 'rate-limit',
  inFlight: 0,
  connections: 0,
  lastReply: '',
  lastReplyAt: null,
  ...parts,
});

export const siteWith = (parts: Partial<MtaStatus['sites'][number]>): MtaStatus['sites'][number] => ({
  site: 'mx:mfsmax.docomo.ne.jp',
  provider: 'docomo',
  source: '',
  waiting: 'rate-limit',
  waitingUntil: null,
  domains: 1,
  inFlight: 0,
  connections: 0,
  connectionsAllowed: 2,
  connectionsLimit: 2,
  ratePerSecond: 2,
  perSecond: 0,
  delivered: 0,
  deferred: 0,
  bounced: 0,
  replies: [],
  ...parts,
});

export const sourceWith = (parts: Partial<MtaStatus['sources'][number]>): MtaStatus['sources'][number] => ({
  address: '127.0.0.2',
  ehlo: 'out2.example.jp',
  state: 'ok',
  error: '',
  since: 1000,
  connections: 0,
  perSecond: 0,
  warmUps: [],
  ...parts,
});

export interface DeliveryHarness {
  h: Harness;
  admin: Record<string, string>;
  viewer: Record<string, string>;
  get(path: string, headers?: Record<string, string>): ReturnType<typeof call>;
  post(path: string, body?: object, headers?: Record<string, string>): ReturnType<typeof call>;
  patch(path: string, body: object): ReturnType<typeof call>;
  remove(path: string): ReturnType<typeof call>;
  /** the last entry of the audit log */
  audited(): { actor_name: string; action: string; target: string; detail: Record<string, unknown> };
}

/** The delivery routes with an administrator, who asks unless other headers are given, and a viewer. */
export async function startDelivery(env: Record<string, string> = {}): Promise<DeliveryHarness> {
  const h = await startHarness({
    features: [deliveryRoutes],
    env: { TODOKE_PUBLIC_URL: 'https://mail.example.jp', ...env },
  });
  const admin = (await h.login('administrator')).headers;
  const viewer = (await h.login('viewer')).headers;
  return {
    h,
    admin,
    viewer,
    get: (path, headers = admin) => call(h.admin, 'GET', `/api/v1${path}`, headers),
    post: (path, body, headers = admin) => call(h.admin, 'POST', `/api/v1${path}`, headers, body),
    patch: (path, body) => call(h.admin, 'PATCH', `/api/v1${path}`, admin, body),
    remove: (path) => call(h.admin, 'DELETE', `/api/v1${path}`, admin),
    audited() {
      const last = h.db.$client.prepare('SELECT * FROM audit_log ORDER BY id DESC LIMIT 1').get() as {
        actor_name: string;
        action: string;
        target: string;
        detail: string;
      };
      return { ...last, detail: JSON.parse(last.detail) };
    },
  };
}
