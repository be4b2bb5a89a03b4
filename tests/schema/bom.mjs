// bom.mjs SEKISHO: the ML-BOM of a training record, judged by CycloneDX's own schema of version 1.6
// (as the package of its library carries it) and by ajv.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import Ajv from "ajv";
import addFormats from "ajv-formats";

const here = import.meta.dirname, sekisho = process.argv[2];
const schemas = path.join(here, "node_modules/@cyclonedx/cyclonedx-library/res/schema");
if (!fs.existsSync(schemas)) {
  console.log("skip: the package with CycloneDX's schemas is not installed (see scripts/test)");
  process.exit(process.env.SEKISHO_STRICT === "1" ? 1 : 77);
}
const read = (name) => JSON.parse(fs.readFileSync(path.join(schemas, name), "utf8"));

const ajv = new Ajv.default({ strict: false, allErrors: true, logger: false });
addFormats.default(ajv);
for (const name of ["iri-reference", "idn-email"]) ajv.addFormat(name, true); // ajv-formats has none
for (const name of ["spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json"])
  ajv.addSchema(read(name), `http://cyclonedx.org/schema/${name}`); // as bom-1.6 refers to them
const validate = ajv.compile(read("bom-1.6.SNAPSHOT.schema.json"));

let wrong = 0;
function check(fine, text) {
  console.log(`${fine ? "ok" : "NOT"}  ${text}`);
  if (!fine) wrong++;
}
const bom = (name) => JSON.parse(execFileSync(sekisho, ["model", "card", "--bom",
  path.join(here, "../fuzz/corpus/record", name)], { encoding: "utf8" }));

for (const name of ["least.good", "full.good"]) {
  const made = bom(name);
  check(validate(made), `${name}: ${ajv.errorsText(validate.errors)}`);
  const text = JSON.stringify(made);
  check(made.metadata.component.modelCard.modelParameters.datasets.every(({ ref }) =>
    made.components.some((one) => one["bom-ref"] === ref)), `${name}: every data set is a component`);
  // The judge is awake: the same with one thing wrong is none.
  for (const [from, to] of [["machine-learning-model", "machine"], ["\"SHA-256\"", "\"SHA-257\""],
    ["\"id\":\"Apache-2.0\"", "\"id\":\"Apache\""], ["urn:uuid:", "uuid:"], ["\"dataset\"", "\"data\""],
    ["self-supervised", "guessed"], ["\"supervised\"", "\"guessed\""]])
    if (text.includes(from)) check(!validate(JSON.parse(text.replaceAll(from, to))), `${name}: not with ${to}`);
}
// What the program calls an identifier of SPDX's is one.
const source = fs.readFileSync(path.join(here, "../../src/train/card_bom.c"), "utf8");
const ids = [.../spdx\[\] = \{([^}]*)\}/.exec(source)[1].matchAll(/"([^"]+)"/g)].map(([, id]) => id);
const known = new Set(read("spdx.SNAPSHOT.schema.json").enum);
check(ids.length > 10 && ids.every((id) => known.has(id)), `${ids.length} licences by identifier`);
process.exit(wrong ? 1 : 0);
