// Limits of an API key on a real node: what is allowed passes, what is more is refused with the true
// time to wait, and every answer says how the caller stands.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { configure, init, sekisho, serve } from './node.mjs';
import { FOREVER, endless } from './scripted.mjs';

const model = 'sekisho-keigo';
let place, node;

// A key with limits of its own; the node takes it when it starts.
const key = (name, ...limits) =>
  execFileSync(sekisho, ['key', name, ...limits, '--config', place.config], { encoding: 'utf8' }).trim();

const keys = {};
before(async () => {
  place = init();
  keys.few = key('few', '--requests', '2');
  keys.tokens = key('tokens', '--tokens', '100');
  keys.one = key('one', '--parallel', '1');
  keys.many = key('many', '--requests', '5', '--parallel', '1');
  keys.free = key('free', '--requests', '0');
  configure(place, [[/parallel_per_key: \d+/, 'parallel_per_key: 4'], [/parallel: 4$/m, 'parallel: 2'], endless(place.directory)]);
  node = await serve(place);
});
after(async () => {
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  assert.doesNotMatch(node.log(), / (fell|fail) /);
  place.remove();
});

const ask = (who, extra = {}, headers = {}, signal) => fetch(`${node.url}/chat/completions`, {
  method: 'POST', signal,
  headers: { authorization: `Bearer ${who}`, 'content-type': 'application/json', ...headers },
  body: JSON.stringify({ model, messages: [{ role: 'user', content: 'はい' }], temperature: 0, max_tokens: 2, ...extra }),
});
const rates = (response) => Object.fromEntries([...response.headers].filter(([name]) => /ratelimit/.test(name)));

test('requests per minute: the third is refused until there is one again', async () => {
  const first = await ask(keys.few);
  assert.equal(first.status, 200);
  assert.equal(first.headers.get('x-ratelimit-limit-requests'), '2');
  assert.equal(first.headers.get('x-ratelimit-remaining-requests'), '1');
  assert.match(first.headers.get('x-ratelimit-reset-requests'), /^\d+(\.\d{3})?s$/);
  assert.equal(first.headers.get('x-ratelimit-limit-tokens'), null);
  assert.equal((await ask(keys.few)).status, 200);
  const third = await ask(keys.few);
  assert.equal(third.status, 429);
  assert.equal(third.headers.get('x-ratelimit-remaining-requests'), '0');
  const wait = Number(third.headers.get('retry-after'));
  assert.ok(wait > 0 && wait <= 30, `waits ${wait} s`);
  const { error } = await third.json();
  assert.equal(error.code, 'rate_limit_exceeded');
  assert.equal(error.type, 'rate_limit_error');
  assert.match(error.message, /2 requests per minute.*limits\.requests_per_minute/);
  assert.equal((await ask(keys.free)).status, 200, 'another key is not concerned');
});

test('the same in the words of Anthropic', async () => {
  const response = await ask(keys.few, {}, { 'anthropic-version': '2023-06-01' });
  assert.equal(response.status, 429);
  assert.equal(response.headers.get('anthropic-ratelimit-requests-limit'), '2');
  assert.equal(response.headers.get('anthropic-ratelimit-requests-remaining'), '0');
  assert.match(response.headers.get('anthropic-ratelimit-requests-reset'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.match(response.headers.get('request-id'), /^req_[0-9a-f]{24}$/);
  assert.equal(response.headers.get('x-request-id'), null);
});

test('tokens per minute: reserved, settled, and too much for ever is said', async () => {
  const never = await ask(keys.tokens, { max_tokens: 101 });
  assert.equal(never.status, 400);
  assert.equal(never.headers.get('retry-after'), null);
  const { error } = await never.json();
  assert.equal(error.code, 'tokens_over_limit');
  assert.match(error.message, /101 tokens.*100 per minute.*never fits/);
  const prompt = await ask(keys.tokens, { max_tokens: 99 });
  assert.equal(prompt.status, 400, 'the prompt counts too');
  const { error: long } = await prompt.json();
  assert.equal(long.code, 'tokens_over_limit');

  const good = await ask(keys.tokens, { max_tokens: 2 });
  assert.equal(good.status, 200);
  const { usage } = await good.json();
  const left = Number(good.headers.get('x-ratelimit-remaining-tokens'));
  assert.ok(left >= 100 - usage.prompt_tokens - 2 && left < 100, `left: ${left}`);
  // Ten at once that reserve forty each: more than a minute has.
  const burst = await Promise.all(Array.from({ length: 10 }, () => ask(keys.tokens, { max_tokens: 40 })));
  const served = burst.filter(({ status }) => status === 200).length;
  assert.ok(served >= 1 && served < 10, `${served} of 10`);
  for (const response of burst.filter(({ status }) => status !== 200)) {
    assert.equal(response.status, 429);
    assert.ok(Number(response.headers.get('retry-after')) >= 1);
    assert.match((await response.json()).error.message, /tokens per minute|in progress/);
  }
});

test('several answers are one request', async () => {
  const response = await ask(keys.many, { n: 3, temperature: 1 });
  assert.equal(response.status, 200);
  assert.equal((await response.json()).choices.length, 3);
  assert.equal(response.headers.get('x-ratelimit-remaining-requests'), '4');
});

test('keyless callers are one key', async () => {
  const open = init(['--keyless']);
  configure(open, [[/requests_per_minute: 0/, 'requests_per_minute: 1']]);
  const keyless = await serve(open);
  const statuses = [];
  for (const key of ['a', 'b', 'c']) {
    const response = await fetch(`${keyless.url}/chat/completions`, {
      method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'はい' }], max_tokens: 2 }),
    });
    statuses.push(response.status);
  }
  assert.deepEqual(statuses, [200, 429, 429]);
  await keyless.stop();
  open.remove();
});

test('requests at once', async () => {
  const leaving = new AbortController();
  const first = await ask(keys.one, { model: 'endless', stream: true, max_tokens: FOREVER }, {}, leaving.signal);
  assert.equal(first.status, 200);
  const second = await ask(keys.one);
  assert.equal(second.status, 429);
  assert.match((await second.json()).error.message, /1 requests of this API key.*parallel_per_key/);
  leaving.abort();
  for (;;) { // when the first is over, there is room
    const { status } = await ask(keys.one);
    if (status === 200) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

test('a reload changes limits at once', async () => {
  configure(place, [[/requests_per_minute: 2/, 'requests_per_minute: 1000']]);
  node.child.kill('SIGHUP');
  while (!/ reload keys=/.test(node.log())) await new Promise((resolve) => setTimeout(resolve, 20));
  for (;;) {
    const response = await ask(keys.few);
    if (response.status === 200) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

test('every answer has an id of its own, errors before any room too, and the log knows it', async () => {
  const seen = new Set();
  const root = node.url.replace('/v1', '');
  for (const path of ['/v1/models', '/healthz', '/readyz', '/nowhere', '/v1/chat/completions', '/v1/receipts/x']) {
    const response = await fetch(root + path, { headers: { authorization: `Bearer ${keys.free}` } });
    const id = response.headers.get('x-request-id');
    assert.match(id, /^req_[0-9a-f]{24}$/, path);
    assert.ok(!seen.has(id));
    seen.add(id);
    if (path === '/healthz') continue;
    const line = `info gate answer id=${id} status=${response.status}`; // written when the answer is out
    while (!node.log().includes(line)) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const messages = await fetch(`${root}/v1/messages/nothing`, { method: 'POST' });
  const body = await messages.json();
  assert.equal(messages.status, 404);
  assert.equal(body.type, 'error');
  assert.equal(body.error.type, 'not_found_error');
  assert.equal(body.request_id, messages.headers.get('request-id'));
  assert.ok(!node.log().includes(keys.free), 'no key is in the log');
});
