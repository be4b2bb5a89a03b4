// The log over HTTP on a real node, as C2SP tlog-tiles: who may read what of it, and that it is the
// log.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, createPublicKey, verify as check } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { configure, init, sekisho, serve } from './node.mjs';

const hash = (...parts) => parts.reduce((sum, part) => sum.update(part), createHash('sha256')).digest();
const node = (left, right) => hash(Buffer.from([1]), left, right);
function root(hashes) {
  if (hashes.length === 1) return hashes[0];
  const k = 2 ** Math.ceil(Math.log2(hashes.length) - 1);
  return node(root(hashes.slice(0, k)), root(hashes.slice(k)));
}
function entriesOf(bundle) {
  const entries = [];
  for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at))
    entries.push(bundle.subarray(at + 2, at + 2 + bundle.readUInt16BE(at)));
  return entries;
}
function checkpointOf(note, vkey) {
  const [text, signatures] = [note.slice(0, note.indexOf('\n\n') + 1), note.slice(note.indexOf('\n\n') + 2)];
  const [, name, signature] = signatures.trim().split('\n')[0].split(' ');
  assert.equal(name, vkey.split('+')[0]);
  const key = Buffer.from(vkey.split('+').slice(2).join('+'), 'base64').subarray(1);
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]);
  const signer = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  assert.ok(check(null, Buffer.from(text), signer, Buffer.from(signature, 'base64').subarray(4)));
  const [origin, size, base64] = text.split('\n');
  assert.equal(origin, name);
  return { size: Number(size), root: Buffer.from(base64, 'base64') };
}

let place, server, base, auditor, metrics;
const key = (name, use) => execFileSync(sekisho, ['key', name, use, '--config', place.config], { encoding: 'utf8' }).trim();
const get = (path, credential, more = {}) => fetch(`${base}/ledger/${path}`, {
  ...more, headers: { ...(credential ? { authorization: `Bearer ${credential}` } : {}), ...more.headers },
});
const bytes = async (response) => Buffer.from(await response.arrayBuffer());
const ask = () => fetch(`${server.url}/chat/completions`, {
  method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${place.key}` },
  body: JSON.stringify({ model: 'sekisho-keigo', messages: [{ role: 'user', content: 'はい' }], temperature: 0, max_tokens: 2 }),
}).then((response) => response.json());

test.before(async () => {
  place = init();
  configure(place, [[/origins: \[\]/, 'origins: ["https://auditor.example"]']]);
  auditor = key('an auditor', '--audit');
  metrics = key('a dashboard', '--metrics');
  server = await serve(place);
  base = server.url.replace('/v1', '');
  for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 16 }, ask));
});
test.after(async () => {
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  place.remove();
});

test('checkpoint, hashes and entries are one log', async () => {
  const response = await get('checkpoint');
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.equal(response.headers.get('cache-control'), 'no-cache');
  const { size, root: signed } = checkpointOf(await response.text(), place.vkey);
  assert.ok(size > 300, `${size} entries`);
  const hashes = [];
  for (const [index, width] of [['000', 256], ['001', size - 256]]) {
    const name = width === 256 ? index : `${index}.p/${width}`;
    const tile = await get(`tile/0/${name}`), bundle = await get(`tile/entries/${name}`, auditor);
    for (const [piece, who] of [[tile, 'public'], [bundle, 'private']]) {
      assert.equal(piece.status, 200);
      assert.equal(piece.headers.get('content-type'), 'application/octet-stream');
      assert.equal(piece.headers.get('cache-control'), `${who}, max-age=31536000, immutable`);
    }
    const items = await bytes(tile), entries = entriesOf(await bytes(bundle));
    assert.equal(items.length, 32 * width);
    assert.equal(entries.length, width);
    entries.forEach((entry, i) => {
      hashes.push(hash(Buffer.from([0]), entry));
      assert.ok(hashes.at(-1).equals(items.subarray(32 * i, 32 * i + 32)));
      JSON.parse(entry);
    });
  }
  assert.ok(root(hashes).equals(signed));
  // The tile above: one hash, of the full tile below. Parts of a tile are its beginning.
  const above = await bytes(await get('tile/1/000.p/1'));
  assert.ok(above.equals(root(hashes.slice(0, 256))));
  const part = await bytes(await get('tile/0/000.p/3'));
  assert.ok(part.equals(Buffer.concat(hashes.slice(0, 3))));
  const head = await get('tile/0/000', undefined, { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(head.headers.get('content-length'), '8192');
  assert.equal((await bytes(head)).length, 0);
});

test('what is not of the durable size, or no name of a tile, is 404', async () => {
  const far = ['tile/0/001', 'tile/0/002.p/1', 'tile/1/000', 'tile/2/000.p/1', 'tile/63/000', 'tile/0/x999/999',
    'tile/0/x018/x446/x744/x073/x709/x551/615'];
  for (const path of far) {
    const response = await get(path);
    assert.equal(response.status, 404, path);
    assert.equal((await response.json()).error.code, 'not_found');
    assert.equal(response.headers.get('cache-control'), 'no-store');
  }
  assert.equal((await get('tile/entries/001', auditor)).status, 404);
  const none = ['', 'tile', 'tile/0', 'tile/0/0', 'tile/0/0000', 'tile/00/000', 'tile/64/000', 'tile/-1/000', 'tile/0/000.p/0',
    'tile/0/000.p/256', 'tile/0/000.p/01', 'tile/0/x000/000', 'tile/0/000/', 'tile/8/0/000', 'tile/entries/0/000', 'tile/entries/',
    'tile/0/%30%30%30', 'checkpoint/', 'tile/0/x018/x446/x744/x073/x709/x551/616'];
  for (const path of none) {
    const response = await get(path, auditor);
    assert.equal(response.status, 404, path);
    assert.equal((await response.json()).error.code, 'unknown_url', path);
  }
  const post = await get('checkpoint', undefined, { method: 'POST' });
  assert.equal(post.status, 405);
  assert.equal(post.headers.get('allow'), 'GET, HEAD');
});

test('entries only for a key of an auditor, which can do nothing else', async () => {
  const entries = 'tile/entries/000';
  assert.equal((await get(entries)).status, 401);
  assert.equal((await get(entries, 'sk-wrong')).status, 401);
  for (const other of [place.key, metrics]) {
    const response = await get(entries, other);
    assert.equal(response.status, 403);
    const { error } = await response.json();
    assert.equal(error.code, 'key_use');
    assert.match(error.message, /sekisho key NAME --audit/);
  }
  const bearer = { headers: { authorization: `Bearer ${auditor}` } };
  for (const path of ['/v1/models', '/metrics', '/v1/receipts/0'])
    assert.equal((await fetch(base + path, bearer)).status, 403, path);
  assert.equal((await get('checkpoint', 'sk-wrong')).status, 200, 'what everybody may read needs no key');
});

test('each path answers with the type of content that /openapi.json tells', async () => {
  const { paths } = await (await fetch(`${base}/openapi.json`)).json();
  const places = { tile: '0/000.p/1', model: 'sekisho-keigo' };
  for (const [path, { get: told }] of Object.entries(paths)) {
    if (!told || path.includes('response') || path.includes('receipts') || path.includes('{log}')) continue;
    const bearer = path.includes('entries') ? auditor : path === '/metrics' ? metrics : place.key;
    const answer = await fetch(base + path.replace('entries/{tile}', 'entries/000.p/1').replace(/{(\w+)}/, (_, name) => places[name]),
      { headers: { authorization: `Bearer ${bearer}` } });
    assert.equal(answer.status, 200, path);
    assert.deepEqual(Object.keys(told.responses[200].content), [answer.headers.get('content-type')], path);
  }
});

test('pages of a listed origin may read it', async () => {
  const response = await get('checkpoint', undefined, { headers: { origin: 'https://auditor.example' } });
  assert.equal(response.headers.get('access-control-allow-origin'), 'https://auditor.example');
  const other = await get('tile/0/000', undefined, { headers: { origin: 'https://other.example' } });
  assert.equal(other.headers.get('access-control-allow-origin'), null);
});

test('many readers, some of whom leave, while requests are answered', async () => {
  let reading = true;
  const seen = new Map();
  const readers = Array.from({ length: 24 }, async (_, i) => {
    while (reading) {
      const response = await get(i % 2 ? 'tile/entries/000' : 'tile/0/000', auditor);
      assert.ok([200, 429].includes(response.status));
      const body = await bytes(response);
      if (response.status !== 200) continue;
      const digest = hash(body).toString('hex');
      seen.set(i % 2, (seen.get(i % 2) ?? digest) === digest ? digest : assert.fail('two tiles of one name'));
    }
  });
  const { hostname, port } = new URL(base);
  for (let i = 0; i < 50; i++)
    connect(port, hostname, function () {
      this.write(`GET /ledger/tile/entries/000 HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${auditor}\r\n\r\n`,
        () => this.destroy());
    }).on('error', () => {});
  const answers = await Promise.all(Array.from({ length: 20 }, ask));
  for (const answer of answers) assert.ok(answer.sekisho.receipt.close, JSON.stringify(answer).slice(0, 200));
  reading = false;
  await Promise.all(readers);
  assert.equal(seen.size, 2);
});

test('an entry that the disk has lost is not handed out, nor exported; the node goes on', async () => {
  const entry = entriesOf(await bytes(await get('tile/entries/000', auditor)))[20];
  const path = join(place.directory, 'data/ledger/log.000000'), image = readFileSync(path);
  const at = image.indexOf(entry) + 9, file = openSync(path, 'r+');
  writeSync(file, Buffer.from([image[at] ^ 1]), 0, 1, at);
  const response = await get('tile/entries/000', auditor);
  assert.equal(response.status, 500);
  assert.match((await response.json()).error.message, /could not be read/);
  assert.equal((await get('tile/entries/000.p/20', auditor)).status, 200, 'those before it are');
  assert.equal((await get('tile/0/000')).status, 200);
  const exported = spawnSync(sekisho, ['ledger', 'export', join(place.directory, 'out'), '--config', place.config], { encoding: 'utf8' });
  assert.equal(exported.status, 1);
  assert.match(exported.stderr, /log\.000000: damaged at byte \d+, at leaf 20/);
  assert.ok((await ask()).sekisho.receipt.close);
  writeSync(file, image, at, 1, at);
  closeSync(file);
  assert.equal((await get('tile/entries/000', auditor)).status, 200);
  assert.match(server.log(), /read failed="ledger: leaf 20 is damaged on disk"/);
});
