// Idempotency-Key on a real node: done once, told again byte for byte, and never mixed up.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { configure, init, sekisho, serve, verify } from './node.mjs';

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

// Drawn at temperature 2: an answer that is made again is another.
const ask = (idempotency, extra = {}, { key = place.key, signal, url = node.url } = {}) => fetch(`${url}/chat/completions`, {
  method: 'POST', signal,
  headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...(idempotency ? { 'idempotency-key': idempotency } : {}) },
  body: JSON.stringify({ model, messages: [{ role: 'user', content: 'はい' }], temperature: 2, max_tokens: 30, ...extra }),
});

for (const stream of [false, true]) {
  test(`the same request gets the same answer again, ${stream ? 'as a stream' : 'at once'}`, async () => {
    const name = `again-${stream}`;
    const first = await ask(name, { stream });
    assert.equal(first.status, 200);
    assert.equal(first.headers.get('idempotent-replayed'), null);
    const bytes = Buffer.from(await first.arrayBuffer());
    for (let i = 0; i < 3; i++) {
      const again = await ask(name, { stream });
      assert.equal(again.status, 200);
      assert.equal(again.headers.get('idempotent-replayed'), 'true');
      assert.equal(again.headers.get('content-type'), first.headers.get('content-type'));
      assert.equal(again.headers.get('sekisho-receipt'), first.headers.get('sekisho-receipt'));
      assert.notEqual(again.headers.get('x-request-id'), first.headers.get('x-request-id'));
      assert.ok(bytes.equals(Buffer.from(await again.arrayBuffer())), 'byte for byte');
    }
    if (!stream) assert.equal(verify(place, JSON.parse(bytes)).status, 0);
    const anew = await ask(`${name}-2`, { stream });
    assert.ok(!bytes.equals(Buffer.from(await anew.arrayBuffer())));
  });
}

test('another request under the same key is refused; another caller has its own', async () => {
  const first = await (await ask('mine')).text();
  const changed = await ask('mine', { max_tokens: 31 });
  assert.equal(changed.status, 422);
  assert.equal((await changed.json()).error.code, 'idempotency_key_reused');
  const theirs = await ask('mine', {}, { key: other });
  assert.equal(theirs.status, 200);
  assert.equal(theirs.headers.get('idempotent-replayed'), null);
  assert.notEqual(await theirs.text(), first);
  assert.equal(await (await ask('mine')).text(), first);
});

test('while the first runs the second is told to wait, and when it is left it may run', async () => {
  const leaving = new AbortController();
  const first = await ask('slow', { stream: true, max_tokens: 400 }, { signal: leaving.signal });
  assert.equal(first.status, 200);
  const second = await ask('slow', { stream: true, max_tokens: 400 });
  if (second.status !== 200) { // 200: it was over already, and this is the answer again
    assert.equal(second.status, 409);
    assert.ok(Number(second.headers.get('retry-after')) >= 1);
    assert.equal((await second.json()).error.code, 'idempotency_key_in_use');
  }
  leaving.abort();
  for (;;) {
    const response = await ask('slow', { stream: true, max_tokens: 400 });
    if (response.status === 200) break;
    assert.equal(response.status, 409);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

test('ten at once: one runs', async () => {
  const answers = await Promise.all(Array.from({ length: 10 }, () => ask('ten')));
  const texts = new Set();
  for (const response of answers) {
    assert.ok([200, 409].includes(response.status), `${response.status}`);
    const text = await response.text();
    if (response.status === 200) texts.add(text);
  }
  assert.equal(texts.size, 1);
});

test('an error is not kept: the same request may run', async () => {
  const wrong = await ask('late', { model: 'no such' });
  assert.equal(wrong.status, 404);
  await wrong.text();
  const right = await ask('late');
  assert.equal(right.status, 200);
  assert.equal(right.headers.get('idempotent-replayed'), null);
  await right.text();
});

test('keys that are none', async () => {
  for (const bad of ['a b', 'x'.repeat(256), '\u00e9']) {
    const response = await ask(bad);
    assert.equal(response.status, 400, bad);
    assert.equal((await response.json()).error.code, 'invalid_idempotency_key');
  }
  assert.equal((await ask('x'.repeat(255))).status, 200);
});

test('a reload that keeps nothing forgets at once', async () => {
  const small = init();
  const tiny = await serve(small);
  const options = { url: tiny.url, key: small.key };
  assert.equal((await ask('k', {}, options)).status, 200);
  assert.equal((await ask('k', {}, options)).headers.get('idempotent-replayed'), 'true');
  const reload = async (from, to) => {
    const reloads = () => tiny.log().split(' reload keys=').length;
    const before = reloads();
    configure(small, [[from, to]]);
    tiny.child.kill('SIGHUP');
    while (reloads() === before) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await reload(/seconds: 3600/, 'seconds: 0');
  while ((await ask('k', {}, options)).status !== 400) await new Promise((resolve) => setTimeout(resolve, 20));
  await reload(/seconds: 0/, 'seconds: 3600');
  let response;
  do response = await ask('k', {}, options); while (response.status === 400);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('idempotent-replayed'), null, 'what was kept is gone');
  await tiny.stop();
  small.remove();
});

test('a node that keeps nothing says so', async () => {
  const small = init();
  configure(small, [[/seconds: 3600/, 'seconds: 0']]);
  const tiny = await serve(small);
  const response = await ask('k', {}, { url: tiny.url, key: small.key });
  assert.equal(response.status, 400);
  assert.match((await response.json()).error.message, /keep\.seconds is 0/);
  assert.equal((await ask(null, {}, { url: tiny.url, key: small.key })).status, 200);
  await tiny.stop();
  small.remove();
});
