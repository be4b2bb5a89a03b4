// Wrong values from a JSON Schema: for each field of a request every value of a small set that its
// schema does not allow, in a request that is right everywhere else.

// ---- does a value fit? The keywords that /openapi.json uses. ----

const kind = (value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);
const bytes = (text) => Buffer.byteLength(text);
const checks = {
  type: (want, value) => [want].flat().some((one) =>
    (one === 'integer' ? Number.isInteger(value) : one === kind(value))),
  enum: (list, value) => list.includes(value),
  const: (one, value) => one === value,
  minimum: (low, value) => typeof value !== 'number' || value >= low,
  maximum: (high, value) => typeof value !== 'number' || value <= high,
  exclusiveMinimum: (low, value) => typeof value !== 'number' || value > low,
  minLength: (low, value) => typeof value !== 'string' || bytes(value) >= low,
  maxLength: (high, value) => typeof value !== 'string' || bytes(value) <= high,
  pattern: (text, value) => typeof value !== 'string' || new RegExp(text, 'u').test(value),
  minItems: (low, value) => !Array.isArray(value) || value.length >= low,
  maxItems: (high, value) => !Array.isArray(value) || value.length <= high,
  maxProperties: (high, value) => kind(value) !== 'object' || Object.keys(value).length <= high,
  items: (schema, value, root) => !Array.isArray(value) || value.every((one) => fits(schema, one, root)),
  required: (names, value) => kind(value) !== 'object' || names.every((name) => (value[name] ?? null) !== null),
  properties: (schemas, value, root) => kind(value) !== 'object' || Object.entries(schemas)
    .every(([name, schema]) => (value[name] ?? null) === null || fits(schema, value[name], root)),
  additionalProperties: (schema, value, root, { properties = {} }) => kind(value) !== 'object' ||
    Object.entries(value).every(([name, one]) => name in properties || fits(schema, one, root)),
  anyOf: (list, value, root) => list.some((schema) => fits(schema, value, root)),
  oneOf: (list, value, root) => list.filter((schema) => fits(schema, value, root)).length === 1,
  allOf: (list, value, root) => list.every((schema) => fits(schema, value, root)),
  not: (schema, value, root) => !fits(schema, value, root),
};
const silent = new Set(['$schema', 'title', 'description', 'default', 'examples', 'format', 'deprecated']);

export function resolve(schema, root) {
  for (; schema?.$ref; ) schema = schema.$ref.slice(2).split('/').reduce((at, name) => at[name.replaceAll('~1', '/').replaceAll('~0', '~')], root);
  return schema;
}

export function fits(schema, value, root) {
  schema = resolve(schema, root);
  if (typeof schema === 'boolean') return schema;
  return Object.entries(schema).every(([keyword, what]) => {
    if (silent.has(keyword) || keyword.startsWith('x-')) return true;
    if (!checks[keyword]) throw new Error(`the document uses ${keyword}, which this reader does not know`);
    return checks[keyword](what, value, root, schema);
  });
}

// ---- what could be said instead ----

const anything = [true, false, 0, -1, 0.5, 7, -1e9, 4294967296, 1e30, '', 'no such word', [], [[]], [1], [''], {}, { 'no such name': 1 }];

// Beside these, what is just over each limit.
function edges(schema, root) {
  schema = resolve(schema, root);
  if (typeof schema === 'boolean') return [];
  const out = [];
  if (schema.minimum !== undefined) out.push(schema.minimum - 1);
  if (schema.exclusiveMinimum !== undefined) out.push(schema.exclusiveMinimum);
  if (schema.maximum !== undefined) out.push(schema.maximum + 1);
  if (schema.maxLength !== undefined && schema.maxLength < 1 << 16) out.push('x'.repeat(schema.maxLength + 1));
  if (schema.maxItems !== undefined && schema.maxItems < 1 << 13) {
    const [item] = ['x', 1, {}, []].filter((one) => fits(schema.items ?? true, one, root));
    if (item !== undefined) out.push(Array(schema.maxItems + 1).fill(item));
  }
  if (schema.maxProperties !== undefined)
    out.push(Object.fromEntries(Array.from({ length: schema.maxProperties + 1 }, (_, i) => [i, 1])));
  for (const part of [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])]) out.push(...edges(part, root));
  return out;
}

// Members of the objects that a field may be; of several, those of all.
function members(schema, root) {
  schema = resolve(schema, root);
  if (typeof schema === 'boolean') return {};
  return Object.assign({}, ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])]
    .map((part) => members(part, root)), schema.properties ?? {});
}
const itemOf = (schema, root) => {
  schema = resolve(schema, root);
  return schema.items ?? (schema.anyOf ?? schema.oneOf ?? []).map((part) => itemOf(part, root)).find(Boolean);
};

const within = (path, name) => (path ? `${path}.${name}` : name);

// Every [path, body] where the value at `path` does not fit. `good`: a value that fits.
export function* wrongs(schema, good, root, path = '', put = (value) => value) {
  schema = resolve(schema, root);
  if (path) for (const value of [...anything, ...edges(schema, root)]) if (!fits(schema, value, root)) yield [path, put(value)];
  if (kind(good) === 'object') {
    for (const [name, inner] of Object.entries(members(schema, root)))
      yield* wrongs(inner, good[name], root, within(path, name), (value) => put({ ...good, [name]: value }));
    for (const name of resolve(schema, root).required ?? []) {
      const { [name]: _, ...rest } = good;
      yield [within(path, name), put(rest)];
      yield [within(path, name), put({ ...rest, [name]: null })];
    }
  } else if (good === undefined && Object.keys(members(schema, root)).length > 0) { // an object that may be left out
    for (const [name, inner] of Object.entries(members(schema, root)))
      yield* wrongs(inner, undefined, root, within(path, name), (value) => put({ [name]: value }));
  }
  if (Array.isArray(good) && good.length > 0 && itemOf(schema, root))
    yield* wrongs(itemOf(schema, root), good[0], root, `${path}[0]`, (value) => put([value, ...good.slice(1)]));
}
