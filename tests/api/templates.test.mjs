// Chat templates: what the engine renders is, byte for byte, what @huggingface/jinja renders, or
// both refuse. Every template of tests/templates meets every conversation of contexts.mjs.
import { test } from "node:test";
import assert from "node:assert";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Template } from "@huggingface/jinja";
import { contexts, time } from "../templates/contexts.mjs";

const folder = path.join(import.meta.dirname, "../templates");
const directory = mkdtempSync(path.join(tmpdir(), "sekisho-templates-"));
const files = Object.keys(contexts).map((name) => {
  const file = path.join(directory, `${name}.json`);
  writeFileSync(file, JSON.stringify(contexts[name]));
  return [name, file];
});

// strftime_now asks the clock of the machine: here it stands still, in UTC (TZ is set by CMake).
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length ? given : [time * 1000]));
  }
};

function theirs(source, context) {
  try {
    return new Template(source).render(structuredClone(context));
  } catch {
    return null;
  }
}

function ours(template, context, ...more) {
  const run = spawnSync(process.env.RENDER, [template, context, String(time), ...more]);
  assert.ok([0, 2, 3].includes(run.status), `render ended with ${run.status ?? run.signal}`);
  return run.status === 0 ? run.stdout.toString() : null;
}

let cases = 0;
let refused = 0;
for (const name of readdirSync(folder).filter((file) => file.endsWith(".jinja"))) {
  test(name, () => {
    const template = path.join(folder, name);
    const source = readFileSync(template, "utf8");
    for (const [context, file] of files) {
      const want = theirs(source, contexts[context]);
      assert.strictEqual(ours(template, file), want, `${name} with ${context}`);
      cases++;
      refused += want === null;
    }
    assert.ok(files.some(([context]) => theirs(source, contexts[context]) !== null), "never renders");
  });
}

// Conversations with tools: what a template is given that takes them is what it would be given.
const withTools = files.filter(([name]) => /^tools?\b|^two tools/.test(name));
let native = 0;
test("templates that take tools", () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".jinja"))) {
    const template = path.join(folder, name);
    const source = readFileSync(template, "utf8");
    for (const [context, file] of withTools) {
      const made = ours(template, file, "tools");
      const want = theirs(source, contexts[context]);
      if (made === null || want === null || /^(generic|gpt-oss)/.test(made)) continue;
      assert.strictEqual(made.slice(made.indexOf("\n") + 1), want, `${name} with ${context}`);
      native++;
    }
  }
  assert.ok(native >= 40, `${native} compared`);
});

test("enough was compared", () => {
  rmSync(directory, { recursive: true });
  console.log(`${cases} renderings equal, ${refused} of them refused by both, ${native} of templates that take tools`);
  assert.ok(cases >= 40 * files.length && refused < cases / 4);
});
