/**
 * What goes beyond plain AJV validation of a request. AJV's own coercion is off: in JSON bodies it would turn null
 * into "" or 0 and so change what the caller meant. Only what is unambiguous is converted: text in URLs, and whole
 * numbers written as strings (ids travel as strings through many a client).
 */
type Schema = Record<string, unknown> & {
  type?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  patternProperties?: Record<string, Schema>;
  required?: string[];
};

/** A copy of the schema in which no object takes properties that it does not name: a typo must not be silently ignored. */
export function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const source = schema as Schema;
  const copy: Schema = { ...source };
  if (source.properties) {
    copy.properties = Object.fromEntries(
      Object.entries(source.properties).map(([key, value]) => [key, strict(value) as Schema]),
    );
    if (!('additionalProperties' in source) && !source.patternProperties) copy.additionalProperties = false;
  }
  if (source.items) copy.items = strict(source.items) as Schema;
  if (source.anyOf) copy.anyOf = source.anyOf.map((branch) => strict(branch) as Schema);
  return copy;
}

/** Query strings and path parameters: numbers, booleans, and a single value where an array is expected. */
export function coerceText(schema: unknown, value: unknown): unknown {
  return convert(schema as Schema, value, true);
}

/** JSON bodies: only whole numbers in strings, and only where the schema wants an integer and no string. */
export function coerceJson(schema: unknown, value: unknown): unknown {
  return convert(schema as Schema, value, false);
}

/** A body may be left out when everything in it may. */
export function defaultBody(schema: unknown, body: unknown): unknown {
  const { type, required } = schema as Schema;
  return (body === undefined || body === null) && type === 'object' && !required?.length ? {} : body;
}

function convert(schema: Schema | undefined, value: unknown, text: boolean): unknown {
  if (!schema) return value;
  if (typeof value === 'string') return convertString(schema, value, text);
  if (Array.isArray(value)) {
    const items = schema.items ?? schema.anyOf?.find((branch) => branch.items)?.items;
    return items ? value.map((item) => convert(items, item, text)) : value;
  }
  if (typeof value === 'object' && value !== null) {
    const properties = schema.properties ?? schema.anyOf?.find((branch) => branch.properties)?.properties;
    if (!properties) return value;
    const result: Record<string, unknown> = { ...value };
    for (const key of Object.keys(result)) {
      if (Object.hasOwn(properties, key)) result[key] = convert(properties[key], result[key], text);
    }
    return result;
  }
  return value;
}

function convertString(schema: Schema, value: string, text: boolean): unknown {
  const branches = schema.anyOf ?? [schema];
  if (branches.some((branch) => branch.type === 'string')) return value;
  const wants = (type: string) => branches.some((branch) => branch.type === type);
  if (wants('integer') && /^-?\d{1,15}$/.test(value)) return Number(value);
  if (!text) return value;
  if (wants('number') && /^-?\d+(\.\d+)?$/.test(value)) return Number(value);
  if (wants('boolean') && (value === 'true' || value === 'false')) return value === 'true';
  const array = branches.find((branch) => branch.type === 'array');
  return array ? [convert(array.items, value, text)] : value;
}
