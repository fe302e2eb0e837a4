import { childrenOf, readProc } from './processes.ts';

export interface PeakMemory {
  /** the highest sum of all processes at one moment, MB */
  totalMB: number;
  /** the highest of each: the process itself, and its children together */
  parentMB: number;
  childrenMB: number;
}

/** Samples the resident memory of a process and its children from /proc until it is stopped. */
export function watchMemory(pid: number, everyMs = 100): { stop(): PeakMemory } {
  const peak: PeakMemory = { totalMB: 0, parentMB: 0, childrenMB: 0 };
  const sample = (): void => {
    const parent = residentMB(pid);
    const children = childrenOf(pid).reduce((sum, child) => sum + residentMB(child), 0);
    peak.parentMB = Math.max(peak.parentMB, parent);
    peak.childrenMB = Math.max(peak.childrenMB, children);
    peak.totalMB = Math.max(peak.totalMB, parent + children);
  };
  const timer = setInterval(sample, everyMs);
  return {
    stop() {
      clearInterval(timer);
      return {
        totalMB: Math.round(peak.totalMB),
        parentMB: Math.round(peak.parentMB),
        childrenMB: Math.round(peak.childrenMB),
      };
    },
  };
}

/** 0 when the process is gone. */
function residentMB(pid: number): number {
  const kB = /^VmRSS:\s+(\d+)/m.exec(readProc(`${pid}/status`))?.[1];
  return Number(kB ?? 0) / 1024;
}
