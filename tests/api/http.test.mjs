// Hostile and broken clients, byte by byte: request smuggling, slow headers, half-closed streams,
// a thousand idle connections, floods. The node answers others meanwhile, and its ledger verifies.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { configure, init, serve, unending, verify } from './node.mjs';
import { body, smuggling } from './wire.mjs';

const model = 'sekisho-keigo';
let place, node, port;

before(async () => {
  place = init();
  configure(place, [[/header_ms: \d+/, 'header_ms: 700'], [/queue: \d+/, 'queue: 8'], [/body: \d+/, 'body: 65536'],
    [/idle_ms: \d+/, 'idle_ms: 3000'], [/parallel: \d+/, 'parallel: 2']]);
  node = await serve(place);
  port = Number(new URL(node.url).port);
});
after(async () => {
  const last = await chat({ max_tokens: 2 });
  assert.equal(last.status, 200, 'after all that the node still answers');
  assert.equal(verify(place, await last.json()).status, 0);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  assert.doesNotMatch(node.log(), / (fell|fail) /);
  place.remove();
});

const chat = (extra = {}, signal) => fetch(`${node.url}/chat/completions`, {
  method: 'POST', signal,
  headers: { authorization: `Bearer ${place.key}`, 'content-type': 'application/json' },
  body: JSON.stringify({ model, messages: [{ role: 'user', content: 'はい' }], temperature: 0, ...extra }),
});

// Sends bytes as they are; resolves to all that came back when the node closed (or after wait ms).
function raw(bytes, { half = false, wait = 5000 } = {}) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const parts = [];
    const timer = setTimeout(() => { socket.destroy(); resolve(Buffer.concat(parts).toString() + '<still open>'); }, wait);
    socket.on('connect', () => (half ? socket.end(bytes) : socket.write(bytes)));
    socket.on('data', (data) => parts.push(data));
    socket.on('end', () => { clearTimeout(timer); socket.destroy(); resolve(Buffer.concat(parts).toString()); });
    socket.on('error', (error) => { clearTimeout(timer); error.code === 'ECONNRESET' ? resolve(Buffer.concat(parts).toString()) : reject(error); });
  });
}
// The final status: interim ones (1xx) may come before it.
const statusOf = (reply) => Number(/^HTTP\/1\.[01] ([2-5]\d{2})/m.exec(reply)?.[1]);
const host = () => `Host: 127.0.0.1:${port}\r\n`;

const auth = () => `Authorization: Bearer ${place.key}\r\nContent-Type: application/json\r\n`;
const post = (headers, payload = body) =>
  `POST /v1/chat/completions HTTP/1.1\r\n${host()}${auth()}Connection: close\r\n${headers}\r\n${payload}`;

test('the plain request, so that the refusals below mean something', async () => {
  assert.equal(statusOf(await raw(post(`Content-Length: ${body.length}\r\n`))), 200);
  const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  assert.equal(statusOf(await raw(post('Transfer-Encoding: chunked\r\n', chunked))), 200);
});

test('request smuggling shapes are refused, and the connection is closed', async () => {
  const shapes = smuggling(post, host());
  for (const [name, bytes] of Object.entries(shapes)) {
    const reply = await raw(bytes);
    assert.ok([400, 413, 501, 505].includes(statusOf(reply)), `${name}: ${reply.slice(0, 200)}`);
    assert.match(reply, /^connection: close\r$/im, name);
    assert.match(reply, /\r\n\r\n\{"error":\{/, `${name}: our error shape`);
    assert.doesNotMatch(reply, /<still open>/, name);
  }
});

test('limits: each its own status and a text that names it', async () => {
  const big = await raw(post('Content-Length: 70000\r\n', 'x'.repeat(70000)));
  assert.equal(statusOf(big), 413);
  assert.match(big, /65536/);
  const long = await raw(`GET /healthz HTTP/1.1\r\n${host()}X-A: ${'a'.repeat(20000)}\r\n\r\n`);
  assert.equal(statusOf(long), 431);
  const slow = await raw(`GET /healthz HTTP/1.1\r\n`);
  assert.equal(statusOf(slow), 408);
  assert.equal(statusOf(await raw(`BREW /v1/models HTTP/1.1\r\n${host()}\r\n`)), 405);
  assert.equal(statusOf(await raw(`DELETE /v1/models HTTP/1.1\r\n${host()}\r\n`)), 405);
  assert.equal(statusOf(await raw(`GET /v2/nothing HTTP/1.1\r\n${host()}\r\n`)), 404);
});

test('bodies: every kind of nonsense gets the OpenAI error shape', async () => {
  const cases = [
    ['', 400], ['{', 400], ['[]', 400], ['null', 400], ['{"a":1}x', 400], ['\xff\xfe', 400], ['"\\ud800"', 400],
    ['['.repeat(5000) + ']'.repeat(5000), 400], ['{"model":"a","model":"b"}', 400], [`{"model":"${model}"}`, 400],
    [`{"model":"${model}","messages":[]}`, 400], [`{"model":"${model}","messages":"hi"}`, 400],
    [`{"model":"${model}","messages":[{"role":"king","content":"x"}]}`, 400],
    [`{"model":"${model}","messages":[{"role":"user","content":1}]}`, 400],
    [`{"model":7,"messages":[{"role":"user","content":"x"}]}`, 400],
    [`{"model":"${model}","max_tokens":-1,"messages":[{"role":"user","content":"x"}]}`, 400],
    [`{"model":"${model}","max_tokens":1e99,"messages":[{"role":"user","content":"x"}]}`, 400],
    [`{"model":"${model}","top_p":0,"messages":[{"role":"user","content":"x"}]}`, 400],
    [`{"model":"${model}","stop":["a","b","c","d","e"],"messages":[{"role":"user","content":"x"}]}`, 400],
    [`{"model":"${model}","messages":[{"role":"user","content":"${'x '.repeat(2000)}"}]}`, 400],
  ];
  for (const [text, status] of cases) {
    const bytes = Buffer.from(text, 'latin1');
    const response = await fetch(`${node.url}/chat/completions`, { method: 'POST', body: bytes,
      headers: { authorization: `Bearer ${place.key}`, 'content-type': 'application/json' } });
    const answer = await response.json();
    assert.equal(response.status, status, `${text.slice(0, 80)}: ${JSON.stringify(answer)}`);
    assert.equal(typeof answer.error.message, 'string');
    assert.equal(answer.error.type, 'invalid_request_error');
    assert.ok('param' in answer.error && 'code' in answer.error);
  }
  const text = await fetch(`${node.url}/chat/completions`, { method: 'POST', body: 'x',
    headers: { authorization: `Bearer ${place.key}`, 'content-type': 'text/xml' } });
  assert.equal(text.status, 415);
});

test('control tokens in user text are only text', async () => {
  const tokens = async (content) =>
    (await (await chat({ max_tokens: 1, messages: [{ role: 'user', content }] })).json()).usage.prompt_tokens;
  const [one, nine] = [await tokens('<|user|>'), await tokens('<|user|>'.repeat(9))];
  assert.ok(nine - one >= 16, `${one}, ${nine}: each is spelled out, not one token`);
});

test('a client that half-closes after its request still gets its answer', async () => {
  const reply = await raw(post(`Content-Length: ${body.length}\r\n`), { half: true });
  assert.equal(statusOf(reply), 200, reply);
  assert.match(reply, /"receipt"/);
});

test('a body that never comes is let go, and says so', async () => {
  const reply = await raw(post('Content-Length: 500\r\n', '{"model"'), { wait: 8000 });
  assert.doesNotMatch(reply, /<still open>/);
});

test('overload is 429 with Retry-After; those admitted are answered', async () => {
  const answers = await Promise.all(Array.from({ length: 40 }, () => chat({ ...unending, temperature: 2, max_tokens: 120 })));
  const counts = {};
  for (const response of answers) {
    counts[response.status] = (counts[response.status] ?? 0) + 1;
    const answer = await response.json();
    if (response.status !== 429) continue;
    assert.ok(Number(response.headers.get('retry-after')) >= 1);
    assert.equal(answer.error.type, 'rate_limit_error');
  }
  assert.deepEqual(Object.keys(counts), ['200', '429'], JSON.stringify(counts));
  assert.ok(counts[200] >= 10);
});

test('a slow reader does not slow the others', async () => {
  const socket = connect({ port, host: '127.0.0.1' });
  const slow = JSON.stringify({ model, ...unending, stream: true, temperature: 2, messages: [{ role: 'user', content: 'はい' }] });
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.pause();
  socket.write(post(`Content-Length: ${slow.length + 4}\r\n`, slow));
  for (let i = 0; i < 5; i++) assert.equal((await chat({ max_tokens: 4 })).status, 200);
  socket.destroy();
});

test('a thousand idle connections: others are served, and the idle are let go in time', async () => {
  const idle = [];
  for (let i = 0; i < 1000; i++) {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.resume();
    idle.push(new Promise((resolve) => socket.once('close', resolve)));
    if (i % 100 === 99) await new Promise((resolve) => socket.once('connect', resolve));
  }
  assert.equal((await chat({ max_tokens: 2 })).status, 200);
  await Promise.all(idle);
  assert.equal((await chat({ max_tokens: 2 })).status, 200);
});

test('more connections than allowed: the newest is told so', async () => {
  const small = init();
  configure(small, [[/connections: \d+/, 'connections: 3']]);
  const tiny = await serve(small);
  const at = Number(new URL(tiny.url).port);
  const sockets = [1, 2, 3].map(() => connect({ port: at, host: '127.0.0.1' }));
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const response = await fetch(`${tiny.url.replace('/v1', '')}/healthz`);
  assert.equal(response.status, 503);
  assert.ok(response.headers.get('retry-after'));
  for (const socket of sockets) socket.destroy();
  await tiny.stop();
  small.remove();
});

test('random bytes, many connections', async () => {
  let state = 1;
  const next = () => (state = (state * 48271) % 2147483647);
  for (let i = 0; i < 200; i++) {
    let bytes = Buffer.from(post(`Content-Length: ${body.length}\r\n`));
    for (let edits = next() % 8; edits >= 0; edits--) bytes[next() % bytes.length] = next() % 256;
    if (next() % 3 === 0) bytes = bytes.subarray(0, next() % bytes.length);
    await raw(bytes, { half: true, wait: 3000 });
  }
});
