// Responses on a real node: chains, the background, and what must not bring the gate down.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { init, sekisho, serve, unending, verify } from './node.mjs';

const model = 'sekisho-keigo';
let place, node, other;

before(async () => {
  place = init();
  other = execFileSync(sekisho, ['key', 'other', '--config', place.config], { encoding: 'utf8' }).trim();
  node = await serve(place);
});
after(async () => {
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  assert.doesNotMatch(node.log(), / (fell|fail) /);
  place.remove();
});

const call = (method, path, body, key = place.key) => fetch(`${node.url}/responses${path}`, {
  method, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  body: body && JSON.stringify({ model, max_output_tokens: 4, ...body }),
});
const create = async (body) => {
  const answer = await call('POST', '', body);
  assert.equal(answer.status, 200);
  return answer.json();
};
const ended = async (id) => {
  for (;;) {
    const response = await (await call('GET', `/${id}`)).json();
    if (!['queued', 'in_progress'].includes(response.status)) return response;
  }
};

test('a response in the background goes on with a kept one', async () => {
  const first = await create({ input: 'はい' });
  for (const stream of [false, true]) {
    const answer = await call('POST', '', { input: 'もう一度', previous_response_id: first.id, background: true, stream });
    assert.equal(answer.status, 200);
    const said = await answer.text();
    const { id } = stream ? JSON.parse(said.match(/^data: (.*)$/m)[1]).response : JSON.parse(said);
    const response = await ended(id);
    assert.match(response.status, /^(completed|incomplete)$/); // it may have little to say
    assert.equal(response.previous_response_id, first.id);
    assert.equal(verify(place, response).status, 0);
    const items = await (await call('GET', `/${id}/input_items?order=asc`)).json();
    assert.deepEqual(items.data.map((item) => item.role), ['user', 'assistant', 'user']);
  }
});

test('what ran in the background replays; what goes on with kept turns says why it does not', async () => {
  const replay = (receipt, body) => {
    const files = ['replay.receipt', 'replay.body'].map((name) => join(place.directory, name));
    writeFileSync(files[0], JSON.stringify(receipt));
    writeFileSync(files[1], body);
    const { status, stdout } = spawnSync(sekisho, ['replay', files[0], '--prompt', files[1], '--config', place.config, '--json'],
      { encoding: 'utf8' });
    return { status, said: stdout };
  };
  const said = { input: 'はい', background: true };
  const { id } = await create(said);
  const sent = (body) => JSON.stringify({ model, max_output_tokens: 4, ...body });
  const same = replay(await ended(id), sent(said));
  assert.equal(same.status, 0, same.said);
  const next = { input: 'はい', previous_response_id: id };
  const cannot = replay(await create(next), sent(next));
  assert.equal(cannot.status, 1, cannot.said);
  assert.match(cannot.said, /goes on with a kept response/);
});

test('another key finds nothing', async () => {
  const { id } = await create({ input: 'はい' });
  for (const [method, path] of [['GET', ''], ['DELETE', ''], ['POST', '/cancel'], ['GET', '/input_items']])
    assert.equal((await call(method, `/${id}${path}`, undefined, other)).status, 404);
  const goes_on = await call('POST', '', { input: 'a', previous_response_id: id }, other);
  assert.equal((await goes_on.json()).error.code, 'previous_response_not_found');
  assert.equal((await call('GET', `/${id}`)).status, 200);
});

test('a node that stops tells the clients of what waits in the background', async () => {
  const unread = [];
  for (let i = 0; i < 4; i++) // hold every slot
    unread.push(await fetch(`${node.url}/completions`, {
      method: 'POST', headers: { authorization: `Bearer ${place.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, prompt: 'あ', ...unending, max_tokens: 400, stream: true, temperature: 2, logprobs: 20 }),
    }));
  const waiting = call('POST', '', { input: 'はい', background: true });
  await new Promise((resolve) => setTimeout(resolve, 300));
  const stopped = node.stop();
  const answer = await waiting;
  if (answer.status !== 200) { // else it began before the stop
    assert.equal(answer.status, 503);
    assert.equal((await answer.json()).error.code, 'stopping');
  }
  for (const one of unread) await one.body.cancel();
  assert.deepEqual(await stopped, { code: 0, signal: null });
  node = await serve(place);
});
