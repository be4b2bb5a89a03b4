// Every call of every client, on a real node; then the table of them.
//   SEKISHO_WRITE=1    writes docs/clients.md when all are green
//   SEKISHO_ONLY=text  only cells whose "client: row" holds it
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { open } from './world.mjs';
import { asPage, asText, clients, rows } from './table.mjs';

const only = process.env.SEKISHO_ONLY ?? '';
const results = new Map();
let at;

before(async () => { at = await open(); });
after(async () => {
  console.log(asText(results));
  const { code, signal, log } = await at.stop();
  assert.deepEqual({ code, signal }, { code: 0, signal: null });
  assert.doesNotMatch(log, / (fell|fail) /);
  if (process.env.SEKISHO_WRITE && [...results.values()].every(Boolean) && only === '')
    writeFileSync(new URL('../../docs/clients.md', import.meta.url), asPage(results));
});

for (const row of rows)
  for (const client of clients) {
    const name = `${client.name}: ${row}`;
    if (!client.cells[row] || !name.includes(only)) continue;
    test(name, async () => {
      results.set(name, false);
      await client.cells[row](at);
      results.set(name, true);
    });
  }
