/** What the sandbox keeps at most; the oldest mail goes first. */
export const MAX_MESSAGES = 50_000;
export const MAX_BYTES = 500 * 1024 * 1024;
/** The share that is left after a clean-up, so that one is not due again at the next mail. */
export const KEEP_SHARE = 0.98;
/** Announced by SIZE (RFC 1870), bytes of one mail. */
export const MAX_MESSAGE_BYTES = 30 * 1024 * 1024;
