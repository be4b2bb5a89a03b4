// run.mjs CHECK: JSON Schema to GBNF, with ajv as the judge. CHECK is schema_check (check.c).
//
// Of each schema: ajv finds all random texts of its grammar valid; the grammar takes the values
// that validate, however they are spaced, and refuses those that do not; ajv agrees on both.
// Random schemas are judged by their random texts alone. What cannot be held is refused by name.
import { spawn } from "node:child_process";
import assert from "node:assert/strict";
import * as scalars from "./cases/scalars.mjs";
import * as structure from "./cases/structure.mjs";
import * as real from "./cases/real.mjs";
import * as refused from "./cases/refused.mjs";
import { bare, validator } from "./judge.mjs";
import { randomSchema } from "./random.mjs";

const WALKS = 60, RANDOM = 400, RANDOM_WALKS = 12;

const check = spawn(process.argv[2], { stdio: ["pipe", "pipe", "inherit"] });
check.stdout.setEncoding("utf8");
const lines = (async function* () {
  let left = "";
  for await (const chunk of check.stdout) {
    const parts = (left + chunk).split("\n");
    left = parts.pop();
    yield* parts;
  }
})();
async function ask(request) {
  check.stdin.write(JSON.stringify(request) + "\n");
  const { value, done } = await lines.next();
  if (done) throw new Error(`schema_check ended at ${JSON.stringify(request)}`);
  return JSON.parse(value);
}

const raw = (value) => typeof value === "string" && value.startsWith("raw ");
// As programs space it: not at all, as Python does, in lines.
function spellings(value) {
  if (raw(value)) return [value.slice(4)];
  const lines = JSON.stringify(value, null, 2);
  return [JSON.stringify(value), JSON.stringify(value, null, 1).replace(/\n */g, (all, at, text) => (text[at - 1] === "," ? " " : "")), lines];
}
const parsed = (text) => {
  try {
    return [JSON.parse(text)];
  } catch {
    return [];
  }
};

let failures = 0;
const count = { schemas: 0, texts: 0, valid: 0, invalid: 0, random: 0, randomRefused: 0, refused: 0, rules: 0 };
function fail(schema, what, text) {
  failures++;
  console.error(`FAILED ${what}: ${text}\n  of ${JSON.stringify(schema)}`);
}

async function judge([schema, yes, no, left = []], walks, seed) {
  const texts = [...yes.flatMap(spellings), ...no.flatMap(spellings), ...left.flatMap(spellings)];
  const given = await ask({ schema: JSON.stringify(bare(schema)), walks, seed, texts });
  if (given.code !== "SK_OK") return fail(schema, given.code, given.error);
  const valid = validator(schema);
  count.schemas++;
  count.rules = Math.max(count.rules, given.rules);
  for (const text of given.walks) {
    count.texts++;
    const value = parsed(text);
    if (!value.length || !valid(value[0])) fail(schema, "ajv refuses what the grammar wrote", text);
  }
  let at = 0;
  for (const value of yes)
    for (const text of spellings(value)) {
      count.valid++;
      if (!given.matches[at++]) fail(schema, "the grammar refuses a valid text", text);
      if (!valid(JSON.parse(text))) fail(schema, "ajv refuses an example said to be valid", text);
    }
  for (const value of no)
    for (const text of spellings(value)) {
      count.invalid++;
      if (given.matches[at++]) fail(schema, "the grammar takes an invalid text", text);
      if (!raw(value) && valid(value)) fail(schema, "ajv takes an example said to be invalid", text);
    }
  for (const value of left)
    for (const text of spellings(value))
      if (given.matches[at++]) fail(schema, "the grammar takes what it should leave out", text);
}

async function judgeRandom(seed) {
  const schema = randomSchema(seed);
  const given = await ask({ schema: JSON.stringify(schema), walks: RANDOM_WALKS, seed, texts: [] });
  if (given.code !== "SK_OK") {
    count.randomRefused++;
    if (!/^schema keyword '|no finite value/.test(given.error)) fail(schema, given.code, given.error);
    return;
  }
  const valid = validator(schema);
  count.random++;
  for (const text of given.walks) {
    count.texts++;
    if (!valid(JSON.parse(text))) fail(schema, "ajv refuses what the grammar wrote", text);
  }
}

async function judgeRefused([schema, names], codes) {
  const given = await ask({ schema: raw(schema) ? schema.slice(4) : JSON.stringify(schema), walks: 0, texts: [] });
  count.refused++;
  if (!codes.includes(given.code)) fail(schema, `${codes} expected`, `${given.code} ${given.error ?? ""}`);
  for (const name of names)
    if (!(given.error ?? "").includes(name)) fail(schema, `no ${name} in`, given.error);
}

let seed = 1;
for (const group of [scalars, structure, real])
  for (const cases of Object.values(group)) for (const one of cases) await judge(one, WALKS, seed++);
for (let i = 1; i <= RANDOM; i++) await judgeRandom(i);
for (const one of refused.unsupported) await judgeRefused(one, ["SK_UNSUPPORTED"]);
for (const one of refused.malformed) await judgeRefused(one, ["SK_INPUT"]);
check.stdin.end();
console.log(JSON.stringify(count));
assert.ok(count.schemas >= 200, "at least 200 schemas");
assert.ok(refused.unsupported.length >= 30, "at least 30 unsupported ones");
assert.ok(count.random > RANDOM / 2, "most random schemas compile");
assert.equal(failures, 0);
