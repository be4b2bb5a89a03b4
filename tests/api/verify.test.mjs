// `sekisho verify URL`: the log of a live node while it answers, and logs behind TLS and behind
// servers that lie.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { init, sekisho, serve } from './node.mjs';

let place, server, base, dir;
const file = (name, text) => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};
const run = (words, environment = {}) => new Promise((done) => {
  execFile(sekisho, words, { encoding: 'utf8', env: { ...process.env, ...environment } }, (error, out, err) => done({ status: error?.code ?? 0, output: out + err, out }));
});
const verify = (...words) => run(['verify', ...words]);
const ask = () => fetch(`${server.url}/chat/completions`, {
  method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${place.key}` },
  body: JSON.stringify({ model: 'sekisho-keigo', messages: [{ role: 'user', content: 'はい' }], temperature: 0, max_tokens: 2 }),
}).then((response) => response.json());
const listen = (made) => new Promise((done) => made.listen(0, '127.0.0.1', () => done(made.address().port)));

test.before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sekisho-verify-'));
  execFileSync(process.env.VERIFY_WRITE, [join(dir, 'x')]);
  place = init();
  file('token', execFileSync(sekisho, ['key', 'an auditor', '--audit', '--config', place.config], { encoding: 'utf8' }));
  server = await serve(place);
  base = server.url.replace('/v1', '');
});
test.after(async () => {
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  place.remove();
  rmSync(dir, { recursive: true });
});

test('the log of a live node, while it answers', async () => {
  const first = await ask();
  const kept = file('kept', first.sekisho.receipt.checkpoint);
  for (let i = 0; i < 9; i++) await Promise.all(Array.from({ length: 16 }, ask));
  const words = [base, kept, '--key', place.vkey, '--token', join(dir, 'token')];
  const running = Promise.all(Array.from({ length: 16 }, ask));
  const during = await verify(...words);
  await running;
  assert.equal(during.status, 0, during.output);
  const after = await verify(...words, '--json');
  assert.equal(after.status, 0, after.output);
  const { log, checkpoint, sentences } = JSON.parse(after.out);
  assert.equal(log.entries, checkpoint.size);
  assert.ok(log.entries > 300);
  assert.equal(log.decisions, 161);
  assert.deepEqual(log.keys.map(({ first: from, last, missing }) => [from, last, missing]), [[1, 161, 0]]);
  for (const id of ['signature', 'entries', 'tiles', 'seen', 'dense', 'closed'])
    assert.equal(sentences.find((one) => one.id === id).state, 'proven', id);
  // Another's key, another's checkpoint.
  assert.equal((await verify(base, '--key', readFileSync(join(dir, 'x/vkey'), 'utf8'), '--token', join(dir, 'token'))).status, 3);
  assert.equal((await verify(base, join(dir, 'x/good/checkpoint'), '--key', place.vkey, '--token', join(dir, 'token'))).status, 3);
});

test('entries are for auditors; hashes are for anybody', async () => {
  const without = await verify(base, '--key', place.vkey);
  assert.equal(without.status, 1);
  assert.match(without.output, /HTTP 401.*--token/s);
  assert.equal((await verify(base, '--key', place.vkey, '--token', file('other', place.key))).status, 1);
  const hashes = await verify(base, '--key', place.vkey, '--hashes');
  assert.equal(hashes.status, 0, hashes.output);
  assert.match(hashes.output, /not proven +every entry is there.*\n.*only hashes were read/);
});

test('an audit of a live node: all requests, and that it goes on from what was kept', async () => {
  const first = await ask(), kept = file('first', first.sekisho.receipt.checkpoint);
  const all = [await ask(), await ask()];
  const receipt = file('receipt', JSON.stringify(all[1].sekisho.receipt));
  const words = ['audit', base, '--key', place.vkey, '--token', join(dir, 'token'), '--checkpoint', kept, '--checkpoint', receipt];
  const seen = (report, id) => report.find((one) => one.id === id).state;
  const done = await run([...words, '--format', 'json']);
  assert.equal(done.status, 0, done.output);
  const audit = JSON.parse(done.out);
  assert.equal(audit.log.log.seen, 2);
  assert.equal(seen(audit.log.sentences, 'seen'), 'proven');
  assert.equal(seen(audit.sentences, 'period'), 'not_proven', 'more may come');
  assert.equal(audit.period.requests, audit.log.log.decisions);
  assert.equal(audit.period.requests, JSON.parse(all[1].sekisho.receipt.open.leaf).n, 'each of them');
  // The key to the entries may come from the environment; without one nothing is said.
  const open = ['audit', base, '--key', place.vkey, '--format', 'csv-proof'];
  const token = readFileSync(join(dir, 'token'), 'utf8').trim();
  const { status, out } = await run(open, { SEKISHO_AUDIT_KEY: token });
  assert.equal(status, 0);
  assert.match(out, /^entries,proven,"every entry is there and leads to the checkpoint",""\r$/m);
  assert.match(out, /^seen,not_proven,"[^"]*","none was given"\r$/m);
  assert.match(out, /^verdict,verified,"",\r$/m);
  const without = await run(open);
  assert.equal(without.status, 1);
  assert.match(without.output, /HTTP 401.*--token/s);
  const other = await run([...words, '--checkpoint', join(dir, 'x/grown/checkpoint')]);
  assert.equal(other.status, 3, other.output);
  assert.match(other.output, /checkpoint 3 of those given/);
  // The node's own directory, and what it exports, say the same.
  const exported = join(dir, 'export');
  const sizeOf = (path) => Number(readFileSync(path, 'utf8').split('\n')[1]);
  do { // the node puts it on record when it is idle
    assert.equal((await run(['ledger', 'export', exported, '--config', place.config])).status, 0);
  } while (sizeOf(join(exported, 'checkpoint')) < sizeOf(kept));
  for (const log of [join(place.directory, 'data'), exported]) {
    const same = await run(['audit', log, '--key', place.vkey, '--format', 'json', '--checkpoint', kept]);
    assert.equal(same.status, 0, same.output);
    assert.equal(seen(JSON.parse(same.out).log.sentences, 'seen'), 'proven');
  }
});

test('behind TLS: its authority, its key', async () => {
  const openssl = (...words) => execFileSync('openssl', words, { cwd: dir, stdio: ['ignore', 'pipe', 'ignore'] });
  openssl('req', '-x509', '-newkey', 'ed25519', '-nodes', '-keyout', 'tls.key', '-out', 'tls.pem', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1');
  const [pin] = execFileSync(sekisho, ['place', 'pin', join(dir, 'tls.pem')], { encoding: 'utf8' }).split('\n');
  const made = createTlsServer({ key: readFileSync(join(dir, 'tls.key')), cert: readFileSync(join(dir, 'tls.pem')) }, (request, response) => {
    try {
      response.end(readFileSync(join(dir, 'x', request.url)));
    } catch {
      response.writeHead(404).end();
    }
  });
  const port = await listen(made), at = `https://127.0.0.1:${port}`;
  const words = ['--policy', join(dir, 'x/policy'), '--ca', join(dir, 'tls.pem')];
  assert.equal((await verify(`${at}/good`, ...words)).status, 0);
  assert.equal((await verify(`${at}/good/`, ...words, '--pin', pin)).status, 0);
  assert.equal((await verify(`${at}/alone`, ...words)).status, 4);
  assert.match((await verify(`${at}/gap`, ...words)).output, /rejected: log: key k1: number 3 is missing/);
  assert.equal((await verify(`${at}/good`, ...words, '--pin', pin.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')))).status, 1);
  assert.equal((await verify(`${at}/good`, '--policy', join(dir, 'x/policy'))).status, 1);
  const nowhere = await verify(`${at}/nowhere`, ...words);
  assert.equal(nowhere.status, 3);
  assert.match(nowhere.output, /checkpoint is missing/);
  made.close();
  assert.match((await verify(base, '--key', place.vkey, '--pin', pin)).output, /--pin is of a server of https/);
});

test('a server that lies proves nothing', async () => {
  const good = (path) => readFileSync(join(dir, 'x/good', path));
  const ways = {
    'an endless piece': (path, response) => {
      const more = () => { while (response.writable && response.write(Buffer.alloc(65536))); };
      response.on('drain', more);
      response.on('error', () => {});
      more();
    },
    'an error': (path, response) => response.writeHead(500).end('oh'),
    'another place': (path, response) => response.writeHead(302, { location: `${base}/ledger${path}` }).end(),
    'a cut piece': (path, response) => {
      const bytes = good(path);
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
    },
    'a page': (path, response) => response.end('<html>'),
  };
  for (const [what, way] of Object.entries(ways)) {
    const made = createServer((request, response) => {
      if (request.url.endsWith('/checkpoint')) response.end(good('checkpoint'));
      else way(request.url.replace('/ledger', ''), response);
    });
    const port = await listen(made);
    const told = await verify(`http://127.0.0.1:${port}`, '--policy', join(dir, 'x/policy'));
    assert.ok([1, 3].includes(told.status), `${what}: ${told.output}`);
    assert.doesNotMatch(told.output, /^verified/m);
    made.close();
    made.closeAllConnections();
  }
  assert.equal((await verify('http://127.0.0.1:1', '--key', place.vkey)).status, 1);
  for (const url of ['http://', 'http://127.0.0.1/?x', 'https://127.0.0.1/#x']) assert.equal((await verify(url, '--key', place.vkey)).status, 1, url);
});
