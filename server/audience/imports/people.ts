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

export interface ImportAttribute {
  key: string;
  type: AttributeType;
}

export interface Person {
  line: number;
  email: string;
  /** normalised address */
  key: string;
  /** '' leaves the name as it is */
  name: string;
  /** in the order of `PersonReader.attributes`; null leaves the attribute as it is */
  values: (Value | null)[];
  fields: readonly string[];
}

export interface Rejected {
  line: number;
  reason: Reason;
  fields: readonly string[];
}

export class PersonReader {
  /** those that the file has columns for */
  readonly attributes: readonly ImportAttribute[];
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
    this.attributes = attributes.filter(({ key }) => mapping.includes(key));
    this.#attributeColumns = this.attributes.map(({ key }) => mapping.indexOf(key));
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
    const values: (Value | null)[] = [];
    for (let i = 0; i < this.#attributeColumns.length; i += 1) {
      const column = this.#attributeColumns[i]!;
      const converted = convertValue(this.attributes[i]!.type, fields[column]!);
      if (!converted.ok) return this.#reject(row, converted.code, column);
      values.push(converted.value);
    }
    return { line, email: address.address, key: address.key, name, values, fields };
  }

  #reject({ line, fields }: CsvRow, code: Reason['code'], column: number): Rejected {
    return { line, fields, reason: { code, field: this.#headers[column]!, value: fields[column]! } };
  }

  /** Spreadsheets write empty cells after the last column. */
  #onlyEmptyMore(fields: readonly string[]): boolean {
    return fields.length > this.#columns && fields.slice(this.#columns).every((field) => field.trim() === '');
  }
}
