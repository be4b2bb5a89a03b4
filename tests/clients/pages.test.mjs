// The pages of docs/clients: curl.md's commands as they stand there, and links that lead somewhere.
import test from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { sekisho } from '../api/node.mjs';
import { open } from './world.mjs';

const folder = new URL('../../docs/clients/', import.meta.url);
const pages = readdirSync(folder).filter((name) => name.endsWith('.md'));
const page = (name) => readFileSync(new URL(name, folder), 'utf8');

test('curl: every command is answered', async () => {
  const at = await open();
  const commands = page('curl.md').split('\n').filter((line) => line.startsWith('    ')).map((line) => line.slice(4)).join('\n')
    .replace(/^URL=\S+/m, `URL=${at.url}`).replace(/^KEY=\S+/m, `KEY=${at.key}`).replaceAll('my-encoder', at.model.encoder)
    .replace('receipts/12', 'receipts/$(curl -o /dev/null -D - "${AS[@]}" $URL/chat/completions -d "$ONE" | tr -d "\\r" | sed -n "s/^Sekisho-Receipt: //Ip")')
    .replace('--key …', `--key '${at.vkey}'`);
  const one = JSON.stringify({ model: at.model.words, messages: [{ role: 'user', content: 'はい' }], max_tokens: 1 });
  const script = `set -euo pipefail\ncurl() { command curl --silent --show-error --fail-with-body "$@"; echo; }\n${commands}`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script],
    { encoding: 'utf8', env: { PATH: `${dirname(sekisho)}:${process.env.PATH}`, ONE: one } });
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  for (const sign of [/"chat\.completion"/, /data: \[DONE\]/, /"content":"\\"(はい|いいえ)\\""/, /"content":"(はい|いいえ)"/, /"relevance_score"/, /proven/])
    assert.match(stdout, sign);
  assert.equal((await at.stop()).code, 0);
});

test('links lead to pages that are there', () => {
  for (const name of pages)
    for (const [, target] of page(name).matchAll(/\]\((?!https?:)([^)#]+)/g))
      assert.ok(existsSync(new URL(target, folder)), `${name}: ${target}`);
});
