/** Who is written to: each address orders the sink what to do with its mail (mta/test/obedient-order.ts). */

export interface Person {
  email: string;
  /** how it must end, whatever is killed meanwhile */
  ends: 'delivered' | 'bounced';
}

/** Share of all people, order, and how it ends. What is left is taken at once. */
const ORDERS: readonly (readonly [share: number, order: string, ends: Person['ends']])[] = [
  [0.05, 'once-450-4.2.0', 'delivered'],
  [0.01, 'once-data-451', 'delivered'],
  [0.01, 'once-dot-451', 'delivered'],
  [0.01, 'once-421', 'delivered'],
  [0.01, 'once-drop-at-rcpt', 'delivered'],
  [0.01, 'once-drop-after-dot', 'delivered'],
  [0.02, 'once-take-and-drop', 'delivered'],
  [0.04, 'slow-150', 'delivered'],
  // A drain that lasts longer than the start of the next process.
  [0.002, 'slow-4000', 'delivered'],
  [0.02, '550-5.1.1', 'bounced'],
  [0.02, 'dot-554-5.7.1', 'bounced'],
];
const DOMAINS = 7;

export function makePeople(count: number, random: () => number): Person[] {
  return Array.from({ length: count }, (_, n) => {
    const { order, ends } = pick(random());
    // Its number first: people are written to in the order of their addresses.
    return { email: `p${n}+${order}@d${n % DOMAINS}.example.com`, ends };
  });
}

function pick(at: number): { order: string; ends: Person['ends'] } {
  let sum = 0;
  for (const [share, order, ends] of ORDERS) {
    sum += share;
    if (at < sum) return { order, ends };
  }
  return { order: 'take', ends: 'delivered' };
}

/** The sink never kept the message whose end it did not answer: trying again repeats nothing. */
export const isNeverKept = (email: string): boolean => email.includes('+once-drop-after-dot@');
