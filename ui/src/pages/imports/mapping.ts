/** Decisions of the import wizard, without a screen. */
import { ApiProblem } from '../../lib/api.ts';

/** The server looks at 256 KiB; a little more tells it that the file goes on. */
export const PREVIEW_BYTES = 257 * 1024;

/** What a column may be mapped to besides an attribute's key. */
export const EMAIL = 'email';
export const NAME = 'name';

/** How the file is to be read; '' leaves it to the server (its names: audience/imports). */
export interface Reading {
  encoding: string;
  delimiter: string;
  hasHeader: string;
}
export const ENCODINGS = ['utf-8', 'cp932', 'utf-16le', 'euc-jp'] as const;
export const DELIMITERS = ['comma', 'tab', 'semicolon'] as const;

/** Could the same file be read differently? */
export function isReadingProblem(error: unknown): boolean {
  const codes = ['wrong-encoding', 'broken-heading', 'too-many-columns', 'no-rows'];
  return error instanceof ApiProblem && error.errors.some((e) => codes.includes(e.code));
}

/** What stands in the way of starting. A target may be used once; without an address there is nobody. */
export function mappingErrors(
  mapping: readonly (string | null)[],
  listId: number,
): { list: boolean; mapping: 'no-email' | 'duplicate' | null } {
  const used = mapping.filter((target) => target !== null);
  const duplicate = new Set(used).size < used.length;
  return { list: listId === 0, mapping: duplicate ? 'duplicate' : used.includes(EMAIL) ? null : 'no-email' };
}

/** Files that are surely no CSV, told by their first bytes before anything is uploaded; the codes are the server's. */
export function unreadable(
  size: number,
  head: Uint8Array,
): 'empty-file' | 'excel-file' | 'binary-file' | null {
  if (size === 0) return 'empty-file';
  const starts = (...bytes: number[]) => bytes.every((byte, i) => head[i] === byte);
  // xlsx is a ZIP (PK), xls an OLE2 container
  if (starts(0x50, 0x4b, 0x03, 0x04) || starts(0xd0, 0xcf, 0x11, 0xe0)) return 'excel-file';
  if (starts(0x25, 0x50, 0x44, 0x46)) return 'binary-file';
  return null;
}
