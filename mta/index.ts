/** What the server may import from the MTA, and nothing else (checked by `npm run check:deps`). */
export { formatAddressKey, parseAddress } from './message/address.ts';
export type { AddressError, ParsedAddress } from './message/address.ts';
export { compileContent, renderPreview } from './message/compile.ts';
export type { CompileResult } from './message/compile.ts';
export { generateDkimKey } from './message/dkim.ts';
export { createTokenKey, verifyToken } from './message/token.ts';
export type { TokenClaims, TokenPurpose } from './message/token.ts';
export { checkRouteMatch } from './routing/routes.ts';
export { createResolver } from './routing/dns.ts';
export type { DnsAnswer, Resolver } from './routing/dns.ts';
export { openSandboxMail } from './sandbox/mailbox.ts';
export type { SandboxMail } from './sandbox/mailbox.ts';
export type { LedgerFilter, Spool } from './spool/api.ts';
export { openSpool } from './spool/open.ts';
export { spawnMta } from './spawn.ts';
export type { MtaHandle } from './spawn.ts';
export type * from './types.ts';
