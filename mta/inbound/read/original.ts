/** The mail that a report is about: its returned head, wherever it is. */
import { findAddresses } from './addresses.ts';
import { bytesOf, type Entity, fieldOf, isMail } from './entity.ts';
import type { Field, Original } from './types.ts';

const MAX_FIELDS = 100;

/** The first enclosed mail or head; null when none is enclosed as a part. */
export function enclosedFields(root: Entity): Field[] | null {
  for (const child of root.children) {
    if (isMail(child.type)) return child.children[0]?.fields ?? [];
    if (/^(?:text|message)\/(?:rfc822|global)-?headers?$/.test(child.type)) return headFields(bytesOf(child));
    if (child.type.startsWith('multipart/')) {
      const found = enclosedFields(child);
      if (found) return found;
    }
  }
  return null;
}

/** Header fields at the top of a text; lines before the first one are skipped. */
export function headFields(text: string): Field[] {
  const fields: Field[] = [];
  for (const line of text.split('\n', 400)) {
    const match = /^[ >]{0,4}([A-Za-z][A-Za-z0-9-]{1,60})[ \t]*:(.*)$/.exec(line.slice(0, 4000));
    const last = fields.at(-1);
    if (match && !/^[ \t]{2}/.test(line))
      fields.push({ name: match[1]!.toLowerCase(), value: match[2]!.trim() });
    else if (last && /^[ \t]/.test(line) && last.value.length < 4000)
      last.value = `${last.value} ${line.trim()}`.trim();
    else if (line.trim() === '' && fields.length > 1) break;
    if (fields.length >= MAX_FIELDS) break;
  }
  return fields;
}

export function originalOf(fields: readonly Field[]): Original {
  return {
    messageId: messageIds(fieldOf(fields, 'message-id'))[0] ?? '',
    fields: fields.slice(0, MAX_FIELDS),
  };
}

/** All addresses to which the returned head was addressed. */
export function addressees(fields: readonly Field[]): string[] {
  return fields
    .filter(({ name }) =>
      /^(?:to|cc|bcc|delivered-to|x-original-to|envelope-to|x-envelope-to|apparently-to)$/.test(name),
    )
    .flatMap(({ value }) => findAddresses(value).map(({ address }) => address))
    .slice(0, 100);
}

/** `<a@b> <c@d>` → ['a@b', 'c@d'] */
export function messageIds(value: string): string[] {
  return [...value.slice(0, 4000).matchAll(/<([^<>\s]{1,250})>/g)].map((match) => match[1]!).slice(0, 20);
}
