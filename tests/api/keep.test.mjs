// Connections that serve again: each request on one is checked, judged and answered as if it was the only one, or the
// connection is closed; never is a byte behind one read as a part of it.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { configure, init, serve, unending, verify } from './node.mjs';
import { body, smuggling, wire } from './wire.mjs';

let place, node, port;

before(async () => {
  place = init();
  configure(place, [[/body: \d+/, 'body: 65536'], [/queue: \d+/, 'queue: 64']]);
  node = await serve(place);
  port = Number(new URL(node.url).port);
});
after(async () => {
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  assert.doesNotMatch(node.log(), / (fell|fail) /);
  place.remove();
});

const host = () => `Host: 127.0.0.1:${port}\r\n`;
const auth = () => `Authorization: Bearer ${place.key}\r\nContent-Type: application/json\r\n`;
const head = (line, more = '') => `${line} HTTP/1.1\r\n${host()}${auth()}${more}`;
const get = (path, more = '') => `${head(`GET ${path}`, more)}\r\n`;
const post = (headers, payload = body) => `${head('POST /v1/chat/completions', headers)}\r\n${payload}`;
const chat = (fields = {}, more = '') => {
  const payload = JSON.stringify({ ...JSON.parse(body), ...unending, temperature: 0, ...fields });
  return post(`Content-Length: ${Buffer.byteLength(payload)}\r\n${more}`, payload);
};
const smuggled = () => get('/v1/models', 'X-Smuggled: 1\r\n');

async function kept() {
  const line = wire(port);
  line.write(chat());
  const first = await line.answer();
  assert.equal(first.status, 200);
  assert.ok(first.keeps, 'the first answer leaves the connection open');
  return line;
}
async function lives() {
  const line = await kept();
  line.close();
}

test('a thousand requests on one connection, each with its own id and receipt', async () => {
  const line = wire(port);
  const ids = new Set(), receipts = new Set();
  for (let i = 0; i < 1000; i++) {
    const kind = i % 10;
    line.write(kind === 0 ? chat({ max_tokens: 1 + (i / 10) % 3 }) : kind === 1 ? chat({ stream: true }) :
      kind < 6 ? get('/healthz') : kind === 6 ? get('/v1/models/none') : get('/v1/models'));
    const answer = await line.answer();
    assert.ok(answer.keeps, `answer ${i} leaves the connection open`);
    assert.equal(answer.status, kind === 6 ? 404 : 200);
    ids.add(answer.headers['x-request-id']);
    if (answer.headers['sekisho-receipt']) receipts.add(answer.headers['sekisho-receipt']);
    if (kind === 0) assert.equal(answer.json().usage.completion_tokens, 1 + (i / 10) % 3);
    if (kind === 1) assert.match(answer.text, /data: \[DONE\]\n\n$/);
  }
  assert.equal(ids.size, 1000);
  assert.equal(receipts.size, 200);
  line.write(chat());
  assert.equal(verify(place, (await line.answer()).json()).status, 0);
  line.close();
});

test('requests that are sent ahead are answered in their order, wherever the bytes are cut', async () => {
  let state = 7;
  const next = (n) => (state = (state * 48271) % 2147483647) % n;
  for (let round = 0; round < 20; round++) {
    const line = wire(port), wanted = [];
    let bytes = '';
    for (let i = 0; i < 8; i++) {
      const tokens = 1 + next(4);
      const [text, check] = [
        [chat({ max_tokens: tokens }), (answer) => assert.equal(answer.json().usage.completion_tokens, tokens)],
        [chat({ max_tokens: tokens, stream: true }), (answer) => assert.match(answer.text, /^data: .*\[DONE\]\n\n$/s)],
        [get('/v1/models'), (answer) => assert.equal(answer.json().object, 'list')],
        [get('/healthz', `X-Long: ${'a'.repeat(next(2) * 4000)}\r\n`), (answer) => assert.equal(answer.text, '{"status":"ok"}')],
        [chat({ model: 'none' }), (answer) => assert.equal(answer.status, 404)],
      ][next(5)];
      bytes += text;
      wanted.push(check);
    }
    for (let at = 0; at < bytes.length;) {
      const len = 1 + next(round % 2 ? 4000 : 600);
      line.write(bytes.slice(at, at + len));
      at += len;
      await new Promise(setImmediate);
    }
    for (const check of wanted) {
      const answer = await line.answer();
      check(answer);
      assert.ok(answer.keeps);
    }
    line.close();
  }
});

test('a second head is refused as a first one is, and nothing after it is read', async () => {
  for (const [name, bytes] of Object.entries(smuggling(post, host()))) {
    for (const ahead of [false, true]) {
      const line = ahead ? wire(port) : await kept();
      line.write((ahead ? chat() : '') + bytes.toString('latin1') + smuggled());
      if (ahead) assert.equal((await line.answer()).status, 200);
      const answer = await line.answer();
      assert.ok([400, 413, 501, 505].includes(answer.status), `${name}: ${answer.status}`);
      assert.equal(answer.keeps, false, name);
      assert.ok(answer.json().error, `${name}: our error shape`);
      assert.equal(await line.closed(), '', name);
    }
  }
  await lives();
});

test('a body is as long as its head says: what hides behind or in it is no request', async () => {
  const inside = await kept(); // all of it the body
  inside.write(post(`Content-Length: ${smuggled().length}\r\n`, smuggled()));
  assert.equal((await inside.answer()).status, 400);
  inside.write(chat());
  assert.equal((await inside.answer()).status, 200);
  inside.close();
  const short = await kept(); // the rest of the JSON is where a head should be
  short.write(post(`Content-Length: ${body.length - 5}\r\n`) + smuggled());
  assert.equal((await short.answer()).status, 400);
  assert.equal((await short.answer()).status, 400);
  assert.equal(await short.closed(), '');
  const chunks = await kept(); // only libmicrohttpd knows where they end: closed
  chunks.write(post('Transfer-Encoding: chunked\r\n', `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`) + smuggled());
  const answer = await chunks.answer();
  assert.equal(answer.status, 200);
  assert.equal(answer.keeps, false);
  assert.equal(await chunks.closed(), '');
});

test('a request that is refused before its body was read ends the connection', async () => {
  const refused = {
    404: `POST /v2/nothing HTTP/1.1\r\n${host()}${auth()}Content-Length: ${smuggled().length}\r\n\r\n${smuggled()}`,
    405: `PUT /v1/models HTTP/1.1\r\n${host()}${auth()}Content-Length: ${smuggled().length}\r\n\r\n${smuggled()}`,
    413: post('Content-Length: 70000\r\n', smuggled().repeat(300)),
    415: post(`Content-Length: ${smuggled().length}\r\n`, smuggled()).replace('application/json', 'text/plain'),
  };
  for (const [status, bytes] of Object.entries(refused)) {
    const line = await kept();
    line.write(bytes);
    const answer = await line.answer();
    assert.equal(answer.status, Number(status));
    assert.equal(answer.keeps, false, status);
    assert.equal(await line.closed(), '', status);
  }
  const health = await kept(); // a body where none is wanted is read, and forgotten
  health.write(get('/healthz', `Content-Length: ${smuggled().length}\r\n`) + smuggled() + get('/healthz'));
  for (let i = 0; i < 2; i++) assert.equal((await health.answer()).text, '{"status":"ok"}');
  health.close();
});

test('HEAD, OPTIONS, 1.0 and Connection', async () => {
  const line = await kept();
  line.write(`${head('HEAD /v1/models')}\r\n${head('HEAD /healthz')}\r\n${get('/v1/models')}`);
  const none = await line.answer({ head: true });
  assert.equal((await line.answer({ head: true })).headers['content-length'], '15');
  const all = await line.answer();
  assert.equal(none.headers['content-length'], all.headers['content-length']);
  assert.equal(all.json().object, 'list');
  line.write(`${head('OPTIONS /v1/models')}\r\n`);
  assert.equal((await line.answer()).status, 405);
  assert.equal(await line.closed(), '');
  const last = {
    '1.0': get('/healthz', 'Connection: keep-alive\r\n').replace('HTTP/1.1', 'HTTP/1.0'),
    close: get('/healthz', 'Connection: close\r\n'),
    'close in a list': get('/healthz', 'Connection: keep-alive, Close\r\n'),
    'close in a second line': get('/healthz', 'Connection: keep-alive\r\nConnection: close\r\n'),
    upgrade: get('/healthz', 'Connection: Upgrade\r\nUpgrade: h2c\r\n'),
  };
  for (const [name, bytes] of Object.entries(last)) {
    const old = await kept();
    old.write(bytes + smuggled());
    const answer = await old.answer();
    assert.equal(answer.status, 200, name);
    assert.equal(answer.keeps, false, name);
    assert.equal(await old.closed(), '', name);
  }
  const asked = await kept();
  asked.write(get('/healthz', 'Connection: Keep-Alive\r\n'));
  assert.ok((await asked.answer()).keeps);
  asked.close();
});

test('heads short and long, bodies that are waited for', async () => {
  const line = wire(port);
  for (const len of [10, 3000, 10, 9000, 12000, 1900, 2100, 10]) {
    line.write(chat({}, `X-Long: ${'a'.repeat(len)}\r\n`));
    assert.equal((await line.answer()).status, 200, `a head with ${len} bytes more`);
    const large = JSON.stringify({ ...JSON.parse(body), stop: 'x'.repeat(40), user: 'u'.repeat(3 * len) });
    line.write(`${head('POST /v1/chat/completions', `Expect: 100-continue\r\nContent-Length: ${large.length}\r\n`)}\r\n`);
    for (let at = 0; at < large.length; at += 1500) {
      line.write(large.slice(at, at + 1500));
      await new Promise(setImmediate);
    }
    assert.ok([200, 400].includes((await line.answer()).status));
  }
  line.close();
});

test('a head that does not come whole is let go, with 408; an idle connection without a word', async () => {
  const strict = init();
  configure(strict, [[/header_ms: \d+/, 'header_ms: 1000'], [/idle_ms: \d+/, 'idle_ms: 2000']]);
  const hasty = await serve(strict), at = Number(new URL(hasty.url).port);
  const slow = wire(at), idle = wire(at);
  for (const line of [idle, slow]) {
    line.write(`GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:${at}\r\n\r\n`);
    assert.equal((await line.answer()).status, 200);
  }
  slow.write('GET /healthz HTTP/1.1\r\n');
  assert.equal((await slow.answer()).status, 408);
  assert.equal(await slow.closed(), '');
  assert.equal(await idle.closed(), '');
  await hasty.stop();
  strict.remove();
});

test('a client that half-closes gets its answer, one that leaves is noticed', async () => {
  const half = await kept();
  half.socket.end(chat());
  assert.equal((await half.answer()).status, 200);
  assert.equal(await half.closed(), '');
  const ahead = await kept();
  ahead.socket.end(chat() + chat());
  for (let answer; (answer = await ahead.answer());) assert.equal(answer.status, 200);
  const leaves = [];
  for (let i = 0; i < 50; i++) leaves.push(await kept());
  for (const line of leaves) line.close();
  const stream = await kept(); // ended by the client amid an answer
  stream.write(chat({ stream: true, max_tokens: 400, temperature: 2 }));
  await new Promise((resolve) => stream.socket.once('data', resolve));
  stream.socket.resetAndDestroy();
  await lives();
});

test('where connections are few the longest idle gives way; a busy one does not', async () => {
  const small = init();
  configure(small, [[/connections: \d+/, 'connections: 3']]);
  const tiny = await serve(small), at = Number(new URL(tiny.url).port);
  const health = `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:${at}\r\n\r\n`;
  const lines = [];
  for (let i = 0; i < 3; i++) {
    lines.push(wire(at));
    lines[i].write(health);
    assert.equal((await lines[i].answer()).status, 200);
  }
  lines[0].write(health); // now the second is the longest idle
  assert.equal((await lines[0].answer()).status, 200);
  const fourth = wire(at);
  fourth.write(health);
  assert.equal((await fourth.answer()).status, 200);
  assert.equal(await lines[1].closed(), '');
  for (const line of [lines[0], lines[2], fourth]) {
    line.write(health);
    assert.equal((await line.answer()).status, 200);
  }
  for (const line of [lines[0], lines[2], fourth]) { // none of them is idle once it is told to go on
    line.write(`POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:${at}\r\nAuthorization: Bearer ${small.key}\r\n` +
      'Expect: 100-continue\r\nContent-Length: 9\r\n\r\n');
    await new Promise((resolve) => line.socket.once('data', resolve));
  }
  const fifth = wire(at);
  fifth.write(health);
  assert.equal((await fifth.answer()).status, 503);
  for (const line of [...lines, fourth, fifth]) line.close();
  await tiny.stop();
  small.remove();
});

test('more idle connections than are kept: the longest idle are closed, the others serve', async () => {
  const lines = [];
  for (let i = 0; i < 300; i++) {
    const line = wire(port);
    line.write(get('/healthz'));
    assert.equal((await line.answer()).status, 200);
    lines.push(line);
  }
  await lines[0].closed();
  const last = lines.at(-1);
  last.write(get('/healthz'));
  assert.equal((await last.answer()).status, 200);
  for (const line of lines) line.close();
});

test('a node that stops closes idle connections and ends the answers it has begun', async () => {
  const place = init(), stopping = await serve(place), at = Number(new URL(stopping.url).port);
  const ask = (fields) => {
    const payload = JSON.stringify({ ...JSON.parse(body), ...fields });
    return `POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:${at}\r\nAuthorization: Bearer ${place.key}\r\n` +
      `Content-Length: ${payload.length}\r\n\r\n${payload}`;
  };
  const idle = wire(at), busy = wire(at);
  for (const line of [idle, busy]) {
    line.write(ask());
    assert.ok((await line.answer()).keeps);
  }
  busy.write(ask({ ...unending, stream: true, max_tokens: 200, temperature: 2 }) + ask());
  await new Promise((resolve) => busy.socket.once('data', resolve));
  const stopped = stopping.stop();
  assert.equal(await idle.closed(), '');
  assert.match((await busy.answer()).text, /data: \[DONE\]\n\n$/);
  assert.equal(await busy.answer(), null, 'what was sent ahead is not begun');
  assert.deepEqual(await stopped, { code: 0, signal: null });
  place.remove();
});

test('random bytes behind a request', async () => {
  let state = 3;
  const next = () => (state = (state * 48271) % 2147483647);
  for (let i = 0; i < 100; i++) {
    const line = wire(port), first = chat();
    const bytes = Buffer.from(chat(), 'latin1');
    for (let edits = next() % 8; edits >= 0; edits--) bytes[next() % bytes.length] = next() % 256;
    line.socket.end(Buffer.concat([Buffer.from(first, 'latin1'), bytes]));
    assert.equal((await line.answer()).status, 200);
    await line.closed();
    line.close();
  }
  await lives();
});
