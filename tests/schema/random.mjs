// Random schemas, the same for the same seed: nested, with constraints that often cross.
function chances(seed) {
  let state = BigInt(seed) * 0x9e3779b97f4a7c15n;
  const next = (n) => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return Number((z ^ (z >> 31n)) % BigInt(n));
  };
  return { next, maybe: (percent) => next(100) < percent, pick: (list) => list[next(list.length)] };
}

const NAMES = ["a", "b", "ab", "名前", "id", "id2", "x\"y", "値"];
const PATTERNS = ["^a", "b$", "^[a-z]*$", "\\d", "^(x|yy){1,3}$", "^.{2,5}$", "[ぁ-ん]", "^[^b]+$", "^$|z"];
const FORMATS = ["date", "uuid", "ipv4", "email", "time", "duration"];
const VALUES = [0, 1, -2.5, "a", "ab", "名", null, true, false, [], [1], { a: 1 }];

export function randomSchema(seed) {
  const r = chances(seed), defs = {};
  const number = () => r.pick([0, 1, -1, 5, 10, -7, 100, 0.5, -2.25, 12.75, 1e3]);
  const bounds = (schema, low, high, value) => {
    const a = value(), b = value();
    if (r.maybe(50)) schema[low] = Math.min(a, b);
    if (r.maybe(50)) schema[high] = Math.max(a, b);
  };
  const fill = {
    number(schema) {
      bounds(schema, r.pick(["minimum", "exclusiveMinimum"]), r.pick(["maximum", "exclusiveMaximum"]), number);
      if (r.maybe(15)) schema.multipleOf = 1 + r.next(12);
    },
    string(schema) {
      if (r.maybe(40)) schema.pattern = r.pick(PATTERNS);
      else if (r.maybe(20)) schema.format = r.pick(FORMATS);
      if (r.maybe(50)) bounds(schema, "minLength", "maxLength", () => r.next(7));
    },
    array(schema, depth) {
      if (r.maybe(30)) schema.prefixItems = Array.from({ length: 1 + r.next(3) }, () => some(depth));
      if (r.maybe(70)) schema.items = some(depth);
      bounds(schema, "minItems", "maxItems", () => r.next(4));
    },
    object(schema, depth) {
      const names = NAMES.filter(() => r.maybe(35));
      if (r.maybe(80)) schema.properties = Object.fromEntries(names.map((name) => [name, some(depth)]));
      if (r.maybe(60)) schema.required = names.filter(() => r.maybe(50));
      if (r.maybe(60)) schema.additionalProperties = r.pick([true, false, false, some(depth)]);
      if (r.maybe(12)) schema.patternProperties = { [r.pick(PATTERNS)]: some(depth) };
      if (r.maybe(10)) schema.propertyNames = { pattern: r.pick(PATTERNS) };
      if (r.maybe(10)) schema.minProperties = r.next(3);
      if (r.maybe(10)) schema.maxProperties = 1 + r.next(4);
    },
  };
  function some(depth) {
    if (depth <= 0) return r.pick([{ type: "integer" }, { type: "string" }, { type: "boolean" }, { type: "null" }, true]);
    if (r.maybe(12)) return { $ref: `#/$defs/${r.pick(["p", "q"])}` };
    if (r.maybe(8)) return { enum: [r.pick(VALUES), r.pick(VALUES), r.pick(VALUES)].filter((v, i, all) => all.indexOf(v) === i) };
    if (r.maybe(10)) return { anyOf: [some(depth - 1), some(depth - 1)] };
    if (r.maybe(6)) return { oneOf: [some(depth - 1), some(depth - 1)] };
    if (r.maybe(8)) return { allOf: [some(depth - 1), some(depth - 1)] };
    const kind = r.pick(["number", "integer", "string", "array", "object", "object", "boolean", "null"]);
    const schema = r.maybe(90) ? { type: kind } : {};
    fill[kind === "integer" ? "number" : kind]?.(schema, depth - 1);
    if (schema.type && r.maybe(5)) schema.nullable = true;
    if (r.maybe(5)) schema.anyOf = [some(depth - 1), some(depth - 1)];
    return schema;
  }
  const schema = some(3);
  if (schema === true) return {};
  defs.p = some(2);
  defs.q = some(1);
  return { ...schema, $defs: defs };
}
