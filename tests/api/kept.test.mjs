// What is kept is judged for the client it was answered to: another that may see less, and be it
// with the same API key, gets none of it. A proxy on this machine stands for clients abroad.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configure, init, serve } from './node.mjs';
import { pieces, scripted } from './scripted.mjs';

const template = '{% for m in messages %}{{ m.content }}\n{% endfor %}';
const said = '担当は経理です。連絡は taro@example.jp までお願いします。';
const policy = `format: 1
name: kept
home: JP
unknown: node
classes:
  contact: {detect: [email], reach: country, masked_reach: listed}
clients:
  - {network: 127.0.0.2/32, reach: listed}
  - {network: 127.0.0.3/32, reach: country}
`;
const here = '127.0.0.1', abroad = '127.0.0.2', country = '127.0.0.3';
let home, node;
before(async () => {
  home = init();
  const file = join(home.directory, 'policy.yaml');
  writeFileSync(file, policy);
  const model = scripted({ template, scripts: [pieces(said, 4, 1)], context: 4096 });
  const path = model.write(join(home.directory, 'm.gguf'));
  configure(home, [[/^ +(# *)?policy: .*$/m, `  policy: "${file}"`],
    [/models:\n( .*\n)+/, `models:\n  - {id: "m", file: "${path}"}\n`]]);
  node = await serve(home);
});
after(async () => {
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  assert.doesNotMatch(node.log(), / (fell|fail|drop) /);
  home.remove();
});

function ask(localAddress, path, body, more = {}) {
  const { port } = new URL(node.url);
  const headers = { authorization: `Bearer ${home.key}`, 'content-type': 'application/json', ...more };
  const method = body ? 'POST' : 'GET';
  return new Promise((resolve, reject) => {
    const request = http.request({ host: here, port, path, method, headers, localAddress }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece) => { text += piece; })
        .on('end', () => resolve({ status: response.statusCode, text }));
    });
    request.on('error', reject).end(body ? JSON.stringify(body) : undefined);
  });
}
const chat = { model: 'm', max_tokens: 200, temperature: 0, messages: [{ role: 'user', content: 'はい' }] };
const response = { model: 'm', max_output_tokens: 200, temperature: 0, input: 'はい', store: true };

test('a network of loopback is where the policy says', async () => {
  for (const [from, shown] of [[here, true], [country, true], [abroad, false]])
    assert.equal((await ask(from, '/v1/chat/completions', chat)).text.includes('taro@'), shown, from);
});

test('a repeated request does not show abroad what was answered here', async () => {
  const key = { 'idempotency-key': 'kept-1' };
  assert.match((await ask(here, '/v1/chat/completions', chat, key)).text, /taro@example\.jp/);
  assert.match((await ask(country, '/v1/chat/completions', chat, key)).text, /taro@example\.jp/);
  const other = await ask(abroad, '/v1/chat/completions', chat, key);
  assert.equal(other.status, 403);
  assert.equal(JSON.parse(other.text).error.code, 'residency_blocked');
  assert.doesNotMatch(other.text, /taro@/);
});

test('a kept response is shown to whoever may see as much', async () => {
  for (const background of [false, true]) {
    const made = await ask(here, '/v1/responses', { ...response, background });
    const { id } = JSON.parse(made.text);
    for (let status = ''; background && status !== 'completed';)
      status = JSON.parse((await ask(here, `/v1/responses/${id}`)).text).status;
    assert.match((await ask(country, `/v1/responses/${id}`)).text, /taro@example\.jp/);
    for (const path of [`/v1/responses/${id}`, `/v1/responses/${id}?stream=true`]) {
      const other = await ask(abroad, path);
      assert.equal(other.status, 403, path);
      assert.doesNotMatch(other.text, /taro@/);
    }
    const next = await ask(abroad, '/v1/responses', { ...response, previous_response_id: id });
    assert.equal(next.status, 403);
  }
});

test('what was answered abroad is shown here, too', async () => {
  const { id, output } = JSON.parse((await ask(abroad, '/v1/responses', response)).text);
  assert.doesNotMatch(JSON.stringify(output), /taro@/);
  assert.equal((await ask(here, `/v1/responses/${id}`)).status, 200);
});
