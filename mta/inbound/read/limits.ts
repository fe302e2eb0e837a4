/**
 * Everybody may send us anything. What is beyond these limits is not looked at: a bounce says what it has to say near
 * its top, and a bomb says nothing.
 */
export const LIMITS = {
  /** bytes of the file */
  bytes: 1024 * 1024,
  /** parts of all levels together */
  parts: 100,
  /** multiparts and enclosed mails within each other */
  depth: 8,
  /** header fields of one part */
  fields: 300,
  /** characters of one field, unfolded */
  fieldLength: 8 * 1024,
  /** characters of text that are read for reports */
  text: 64 * 1024,
  /** characters of one part that are decoded */
  partText: 256 * 1024,
  /** lines of text that are searched for recipients */
  lines: 1500,
  /** reports in one mail */
  reports: 200,
  /** characters of one recipient's diagnosis */
  diagnostic: 2000,
} as const;
