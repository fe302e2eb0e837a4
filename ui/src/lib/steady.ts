/**
 * Rows that move under the hand make people press the wrong button: while a table is pointed at or has the focus, rows keep
 * their places. What is new comes last, what is gone goes. Pure.
 */
export function keepOrder<T, K>(rows: readonly T[], key: (row: T) => K, order: readonly K[]): T[] {
  const place = new Map(order.map((k, i) => [k, i]));
  const last = order.length;
  return rows
    .map((row, i) => ({ row, at: place.get(key(row)) ?? last + i }))
    .sort((a, b) => a.at - b.at)
    .map(({ row }) => row);
}
