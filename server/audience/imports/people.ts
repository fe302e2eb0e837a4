/** A record of the file → a person, or the reason why not. Pure. */
import { parseAddress } from '../../../mta/index.ts';
import {
  type AttributeType,
  badCharacter,
  cleanName,
  convertValue,
  MAX_NAME,
  type Value,
} from '../values.ts';
import type { Target } from './columns.ts';
import type { CsvRow } from './csv.ts';
import type { Reason } from './reasons.ts';

interface ImportAttribute {
  key: string;
  type: AttributeType;
}

export interface Person {
  line: number;
  email: string;
  /** normalised address */
  key: string;
  /** sorts people roughly by key: its first characters as one number, as numbers compare several times faster */
  rank: number;
  /** '' leaves the name as it is */
  name: string;
  /** JSON as it is kept; what is not in it stays as it is */
  attributes: string;
}

export interface Rejected {
  line: number;
  reason: Reason;
  fields: readonly string[];
}

export class PersonReader {
  /** those that the file has columns for */
  readonly #attributes: readonly ImportAttribute[];
  readonly #columns: number;
  readonly #email: number;
  readonly #name: number;
  readonly #attributeColumns: number[];
  readonly #headers: readonly string[];

  /**
   * @param mapping one target for each column
   * @param headers the file's own names of the columns, for reasons; '' falls back to the target
   */
  constructor(
    mapping: readonly Target[],
    attributes: readonly ImportAttribute[],
    headers: readonly string[],
  ) {
    this.#columns = mapping.length;
    this.#email = mapping.indexOf('email');
    this.#name = mapping.indexOf('name');
    this.#attributes = attributes.filter(({ key }) => mapping.includes(key));
    this.#attributeColumns = this.#attributes.map(({ key }) => mapping.indexOf(key));
    this.#headers = mapping.map((target, i) => headers[i]?.trim() || target || '');
  }

  read(row: CsvRow): Person | Rejected {
    const { line, fields } = row;
    if (row.problem) return { line, fields, reason: { code: row.problem, field: '', value: '' } };
    if (fields.length !== this.#columns && !this.#onlyEmptyMore(fields)) {
      return {
        line,
        fields,
        reason: { code: 'column-count', field: String(this.#columns), value: String(fields.length) },
      };
    }
    const typed = fields[this.#email]!;
    // Before the address rules, under which U+FFFD is a letter like any other.
    const bad = badCharacter(typed);
    if (bad) return this.#reject(row, bad, this.#email);
    const address = parseAddress(typed);
    if (!address.ok) return this.#reject(row, address.code, this.#email);
    let name = '';
    if (this.#name >= 0) {
      const cell = fields[this.#name]!;
      const badName = badCharacter(cell);
      if (badName) return this.#reject(row, badName, this.#name);
      name = cleanName(cell);
      if (name.length > MAX_NAME) return this.#reject(row, 'name-too-long', this.#name);
    }
    const attributes: Record<string, Value> = {};
    for (let i = 0; i < this.#attributeColumns.length; i += 1) {
      const column = this.#attributeColumns[i]!;
      const { key, type } = this.#attributes[i]!;
      const converted = convertValue(type, fields[column]!);
      if (!converted.ok) return this.#reject(row, converted.code, column);
      if (converted.value !== null) attributes[key] = converted.value;
    }
    return {
      line,
      email: address.address,
      key: address.key,
      rank: rankOf(address.key),
      name,
      attributes: JSON.stringify(attributes),
    };
  }

  #reject({ line, fields }: CsvRow, code: Reason['code'], column: number): Rejected {
    return { line, fields, reason: { code, field: this.#headers[column]!, value: fields[column]! } };
  }

  /** Spreadsheets write empty cells after the last column. */
  #onlyEmptyMore(fields: readonly string[]): boolean {
    return fields.length > this.#columns && fields.slice(this.#columns).every((field) => field.trim() === '');
  }
}

const RANKED_CHARACTERS = 7;

/** Seven bits a character: exact in a double. */
function rankOf(key: string): number {
  let rank = 0;
  for (let i = 0; i < RANKED_CHARACTERS; i += 1) {
    rank = rank * 128 + (i < key.length ? Math.min(key.charCodeAt(i), 127) : 0);
  }
  return rank;
}
