/** Reason → what it means for the address and for us (shared/DELIVERY.md, Verdicts). */
import type { Reason } from '../types.ts';

export const ACTIONS = ['suppress', 'count', 'sender', 'shape', 'none'] as const;
/**
 * `suppress`: no more mail to this address. `count`: suppress when it happens again over days. `sender`: our own problem,
 * pause and alert. `shape`: slow down. `none`: nothing follows.
 */
export type Action = (typeof ACTIONS)[number];

const ACTION_OF: Readonly<Record<Reason, Action>> = {
  'unknown-user': 'suppress',
  moved: 'suppress',
  'unknown-host': 'suppress',
  'null-mx': 'suppress',
  filtered: 'count',
  suspended: 'count',
  'mailbox-full': 'count',
  expired: 'count',
  blocked: 'sender',
  spam: 'sender',
  policy: 'sender',
  authentication: 'sender',
  reputation: 'sender',
  ptr: 'sender',
  relaying: 'sender',
  virus: 'sender',
  content: 'sender',
  'too-big': 'sender',
  'too-fast': 'shape',
  'too-many-connections': 'shape',
  network: 'shape',
  system: 'shape',
  'system-full': 'shape',
  // A forwarding that goes in circles and an address that a server cannot read say nothing of the mailbox or of us.
  loop: 'none',
  syntax: 'none',
  other: 'none',
  unsubscribed: 'none',
  cancelled: 'none',
};

/**
 * `permanent`: the server's last word had class 5, or the report gives up for a reason of its own. What was only put off,
 * however often, never suppresses at once: `450 user unknown` is said while a directory is down.
 */
export function actionOf(reason: Reason, permanent: boolean): Action {
  const action = ACTION_OF[reason];
  return action === 'suppress' && !permanent ? 'count' : action;
}
