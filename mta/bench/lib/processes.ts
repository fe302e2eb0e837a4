/** What /proc tells of processes: children, and CPU time by process and thread. Linux only, as the benches are. */
import { readdirSync, readFileSync } from 'node:fs';

/** µs per clock tick of /proc (USER_HZ is 100 on every Linux that Node runs on) */
const TICK = 10_000;

/** '' when the process is gone */
export function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return '';
  }
}

export function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

export function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((thread) =>
    readProc(`${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  );
}

/** User and system time of a process that is running, µs; 0 when it is gone. */
export function cpuOf(pid: number): number {
  return cpuIn(readProc(`${pid}/stat`)).micros;
}

/** CPU time by thread name (threads of one name added up), µs. */
export function cpuByThread(pid: number): Map<string, number> {
  const found = new Map<string, number>();
  for (const thread of threadsOf(pid)) {
    const { name, micros } = cpuIn(readProc(`${pid}/task/${thread}/stat`));
    const key = Number(thread) === pid ? 'main' : name;
    found.set(key, (found.get(key) ?? 0) + micros);
  }
  return found;
}

/** proc_pid_stat(5): the name stands in parentheses and may hold anything; utime and stime are fields 14 and 15. */
function cpuIn(stat: string): { name: string; micros: number } {
  const end = stat.lastIndexOf(')');
  if (end < 0) return { name: '', micros: 0 };
  const fields = stat.slice(end + 2).split(' ');
  return {
    name: stat.slice(stat.indexOf('(') + 1, end),
    micros: (Number(fields[11]) + Number(fields[12])) * TICK,
  };
}

export interface CpuUse {
  /** µs a unit of work, by the names given, and all together */
  perUnit: Record<string, number>;
  /** the same by thread, `PROCESS/THREAD`, those of 1 µs at least */
  threads: Record<string, number>;
}

/** Measures named processes from now until `stop(units)`. */
export function watchCpu(processes: Record<string, number>): { stop(units: number): CpuUse } {
  const sample = () =>
    Object.entries(processes).map(([name, pid]) => ({ name, all: cpuOf(pid), threads: cpuByThread(pid) }));
  const before = sample();
  return {
    stop(units) {
      const use: CpuUse = { perUnit: {}, threads: {} };
      let total = 0;
      for (const [i, { name, all, threads }] of sample().entries()) {
        const spent = (all - before[i]!.all) / units;
        total += spent;
        use.perUnit[name] = Math.round(spent);
        for (const [thread, micros] of threads) {
          const each = Math.round((micros - (before[i]!.threads.get(thread) ?? 0)) / units);
          if (each >= 1) use.threads[`${name}/${thread}`] = each;
        }
      }
      use.perUnit.total = Math.round(total);
      return use;
    },
  };
}
