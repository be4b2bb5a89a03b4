// generate.mjs MODEL [SEEDS]: the model answers under each schema of the cases, at temperature 1; ajv
// finds every answer valid that came to its end. SEKISHO is the program.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import assert from "node:assert/strict";
import * as scalars from "./cases/scalars.mjs";
import * as structure from "./cases/structure.mjs";
import * as real from "./cases/real.mjs";
import { bare, validator } from "./judge.mjs";

const SEEDS = Number(process.argv[3] ?? 1), TOKENS = 200, AT_ONCE = 2;
const folder = mkdtempSync(join(tmpdir(), "schema-"));
const count = { schemas: 0, answers: 0, cut: 0, invalid: 0 };

function answer(file, seed) {
  const options = ["run", "--model", process.argv[2], "--json-schema", file, "--temperature", "1", "--seed", String(seed),
    "--max-tokens", String(TOKENS), "--stats", "申込書の内容をJSONで書いてください。"];
  return new Promise((resolve, reject) =>
    execFile(process.env.SEKISHO, options, (error, out, told) =>
      error ? reject(new Error(told)) : resolve({ text: out, tokens: Number(/answer (\d+) tokens/.exec(told)[1]) })));
}

async function judge(schema, number) {
  const file = join(folder, `${number}.json`), valid = validator(schema);
  writeFileSync(file, JSON.stringify(bare(schema)));
  count.schemas++;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { text, tokens } = await answer(file, seed);
    count.answers++;
    let value;
    try {
      value = JSON.parse(text);
    } catch {
      if (tokens >= TOKENS) count.cut++;
      else fail(schema, text);
      continue;
    }
    if (!valid(value) && tokens < TOKENS) fail(schema, text);
  }
}
function fail(schema, text) {
  count.invalid++;
  console.error(`FAILED: ajv refuses ${text}  of ${JSON.stringify(schema)}`);
}

const schemas = [scalars, structure, real].flatMap((group) => Object.values(group).flat().map(([schema]) => schema));
let next = 0;
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  while (next < schemas.length) await judge(schemas[next], next++);
}));
rmSync(folder, { recursive: true });
console.log(JSON.stringify(count));
assert.ok(count.schemas >= 200, "at least 200 schemas");
assert.ok(count.cut < count.answers / 2, "most answers come to their end");
assert.equal(count.invalid, 0);
