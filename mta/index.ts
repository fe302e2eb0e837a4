/** What the server may import from the MTA, and nothing else (checked by `npm run check:deps`). */

export { eraseInboundMail } from './inbound/erase.ts';
export { readMail } from './inbound/read/read.ts';
export type { MailKind, Reading, Report } from './inbound/read/types.ts';
export { type FileLock, isLocked, mtaLockFile, tryLock } from './lock.ts';
export type { AddressError, ParsedAddress } from './message/address.ts';
export { parseAddress } from './message/address.ts';
export type { CompiledContent, CompileResult } from './message/compile.ts';
export { compileContent } from './message/compile.ts';
export type { DkimAlgorithm, DkimKey } from './message/dkim-keys.ts';
export { DKIM_ALGORITHMS, dkimRecordValue, generateDkimKey } from './message/dkim-keys.ts';
export { renderPreview } from './message/preview.ts';
export { ContentRenderError } from './message/render.ts';
export type { TokenClaims, TokenPurpose } from './message/token.ts';
export { createTokenKey, publicPath, verifyClickUrl, verifyToken } from './message/token.ts';
export { DEFAULT_RETRY } from './queue/retry.ts';
export { reverseName } from './routing/address.ts';
export { Days } from './routing/days.ts';
export type { DnsAnswer, Resolver } from './routing/dns.ts';
export { createResolver } from './routing/dns.ts';
export { createSecureResolver } from './routing/dns-secure.ts';
export { checkRouteMatch } from './routing/routes.ts';
export { bindAddress } from './routing/sources.ts';
export { PLAN as WARM_UP_PLAN } from './routing/warm-up.ts';
export type { SandboxMail } from './sandbox/mailbox.ts';
export { openSandboxMail } from './sandbox/mailbox.ts';
export type { OverrideProblem } from './shaping/override.ts';
export type {
  LimitState,
  OverrideCheck,
  Profiles,
  ProviderShaping,
} from './shaping/profiles.ts';
export { checkOverride, createProfiles } from './shaping/profiles.ts';
export type { MtaHandle } from './spawn.ts';
export { spawnMta } from './spawn.ts';
export type { ControlInput, LedgerFilter, QueueFilter, Spool } from './spool/api.ts';
export { openSpool } from './spool/open.ts';
export { scrubFile } from './spool/scrub.ts';
export { trimHeap } from './trim-heap.ts';
export type * from './types.ts';
export {
  CONTENT_ERRORS,
  CONTROL_ACTIONS,
  CONTROL_SCOPES,
  DELIVERY_CLASSES,
  LEDGER_KINDS,
  MTA_PROBLEMS,
  PHASES,
  REASONS,
  TLS_MODES,
  TLS_POLICY_NAMES,
  TLS_RESULTS,
  WAIT_REASONS,
} from './types.ts';
