/** Security headers of the two apps. */
import type { FastifyHelmetOptions } from '@fastify/helmet';

// helmet's options are a union of old and new spellings that an annotation cannot spread: `satisfies` checks each.

const COMMON = {
  // Both ports speak HTTP and may stand beside other services on the host: whether a name is https-only is for the
  // TLS proxy to say, and upgrade-insecure-requests would break every installation without one.
  strictTransportSecurity: false,
  crossOriginEmbedderPolicy: false,
} satisfies FastifyHelmetOptions;

/** The UI is a Vite bundle: no inline script or style anywhere, nothing from another origin. */
export const ADMIN_HEADERS = {
  ...COMMON,
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'", 'data:', 'blob:'],
      fontSrc: ["'self'"],
      connectSrc: ["'self'"],
      // previews and sandbox mail, which bring a policy of their own
      frameSrc: ["'self'"],
      frameAncestors: ["'self'"],
      workerSrc: ["'self'"],
      manifestSrc: ["'self'"],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      objectSrc: ["'none'"],
    },
  },
  xFrameOptions: { action: 'sameorigin' },
  referrerPolicy: { policy: 'same-origin' },
} satisfies FastifyHelmetOptions;

/** Readers' pages: plain HTML with a style sheet and forms, no script at all. */
export const PUBLIC_HEADERS = {
  ...COMMON,
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'", 'data:'],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
      baseUri: ["'none'"],
    },
  },
  // The open pixel is shown inside webmail of other origins.
  crossOriginResourcePolicy: { policy: 'cross-origin' },
  xFrameOptions: { action: 'deny' },
  // The address of an unsubscribe page holds a token: it must not leak to a site that is linked from it.
  referrerPolicy: { policy: 'no-referrer' },
} satisfies FastifyHelmetOptions;
