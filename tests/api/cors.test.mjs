// Pages of other origins on a real node: off until configured, then for those listed and no other.
import test from 'node:test';
import assert from 'node:assert/strict';
import { configure, init, serve } from './node.mjs';

const app = 'https://app.example', model = 'sekisho-keigo';

async function withNode(extra, origins, body) {
  const place = init(extra);
  configure(place, [[/origins: \[\]/, `origins: ${origins}`]]);
  const node = await serve(place);
  try {
    await body(node, place);
  } finally {
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
    place.remove();
  }
}

const preflight = (node, origin, path = '/chat/completions') => fetch(node.url + path, {
  method: 'OPTIONS',
  headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type,x-stainless-lang,cookie' },
});
const ask = (node, headers) => fetch(`${node.url}/chat/completions`, {
  method: 'POST', headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify({ model, messages: [{ role: 'user', content: 'はい' }], temperature: 0, max_tokens: 2 }),
});
const allowed = (response) => response.headers.get('access-control-allow-origin');

test('off by default', () => withNode([], '[]', async (node, place) => {
  const response = await preflight(node, app);
  assert.equal(response.status, 405);
  assert.equal(allowed(response), null);
  const answer = await ask(node, { authorization: `Bearer ${place.key}`, origin: app });
  assert.equal(answer.status, 200);
  assert.equal(allowed(answer), null);
}));

test('a listed origin, its preflights, answers, streams and errors', () => withNode([], `["${app}", "http://localhost:5173"]`, async (node, place) => {
  for (const origin of [app, 'http://localhost:5173']) {
    const response = await preflight(node, origin);
    assert.equal(response.status, 204);
    assert.equal(await response.text(), '');
    assert.equal(allowed(response), origin);
    assert.equal(response.headers.get('vary'), 'Origin');
    assert.equal(response.headers.get('access-control-allow-headers'), 'authorization, content-type, x-stainless-lang');
    assert.match(response.headers.get('access-control-allow-methods'), /POST/);
    assert.equal(response.headers.get('access-control-allow-credentials'), null);
    assert.match(response.headers.get('x-request-id'), /^req_/);
  }
  const authorization = `Bearer ${place.key}`;
  for (const headers of [{ authorization, origin: app }, { authorization: 'Bearer wrong', origin: app }]) {
    const response = await ask(node, headers);
    assert.equal(allowed(response), app);
    assert.equal(response.headers.get('vary'), 'Origin');
    assert.match(response.headers.get('access-control-expose-headers'), /x-request-id.*sekisho-receipt/);
  }
  const missing = await fetch(`${node.url}/nothing`, { headers: { origin: app } });
  assert.equal(missing.status, 404);
  assert.equal(allowed(missing), app);
  const other = await preflight(node, 'https://other.example');
  assert.equal(other.status, 403);
  assert.equal(allowed(other), null);
  assert.equal((await other.json()).error.code, 'origin_not_allowed');
  const served = await ask(node, { authorization, origin: 'https://other.example' });
  assert.equal(allowed(served), null, 'a browser does not show it to that page');
  assert.equal(served.headers.get('vary'), 'Origin');
  assert.equal((await fetch(`${node.url}/models`, { method: 'OPTIONS', headers: { authorization } })).status, 405, 'no preflight');
}));

test('a reload changes origins at once', () => withNode([], '[]', async (node, place) => {
  assert.equal((await preflight(node, app)).status, 405);
  configure(place, [[/origins: \[\]/, `origins: ["${app}"]`]]);
  node.child.kill('SIGHUP');
  while ((await preflight(node, app)).status !== 204) await new Promise((resolve) => setTimeout(resolve, 20));
}));

test('every origin, where there are keys', () => withNode([], '["*"]', async (node, place) => {
  assert.equal(allowed(await preflight(node, 'https://any.example')), '*');
  assert.equal(allowed(await ask(node, { authorization: `Bearer ${place.key}`, origin: 'null' })), '*');
  assert.equal((await ask(node, { origin: app })).status, 401);
}));

test('a keyless node: its listed origins and no other, and Host is still checked', () => withNode(['--keyless'], `["${app}"]`, async (node) => {
  assert.equal((await preflight(node, app)).status, 204);
  const response = await ask(node, { origin: app });
  assert.equal(response.status, 200);
  assert.equal(allowed(response), app);
  assert.equal((await ask(node, { origin: 'https://other.example' })).status, 403);
  assert.equal((await preflight(node, 'https://other.example')).status, 403);
}));

test('every origin without a key is no configuration', async () => {
  const place = init(['--keyless']);
  configure(place, [[/origins: \[\]/, 'origins: ["*"]']]);
  await assert.rejects(serve(place), /no key is configured/);
  place.remove();
});
