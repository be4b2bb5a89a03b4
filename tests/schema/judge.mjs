// ajv as the judge of a schema's values: 2020-12, or draft 7 where a case says so by `draft`.
import Ajv7 from "ajv";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

// The schema as it is sent.
export function bare(schema) {
  if (typeof schema !== "object" || schema === null) return schema;
  const { draft, ...rest } = schema;
  return rest;
}

export function validator(schema) {
  const Ajv = schema.draft === 7 ? Ajv7 : Ajv2020;
  const ajv = new Ajv.default({ strict: false, logger: false });
  addFormats.default(ajv);
  const judged = bare(schema);
  if (typeof judged === "object") delete judged.$schema; // both know only their own
  return ajv.compile(judged);
}
