// A training run's record in the ledger: sealed while the node rests and while it serves, proven by
// `sekisho verify` and passed over by the audit as other leaves are.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { init, sekisho, serve, verify } from './node.mjs';

const record = new URL('../fuzz/corpus/record/full.good', import.meta.url).pathname;
const text = readFileSync(record, 'utf8');
let home;
const at = (name) => join(home.directory, name);
const run = (...words) => {
  const done = spawnSync(sekisho, words, { encoding: 'utf8' });
  return { status: done.status, out: done.stdout, err: done.stderr };
};
const seal = (file) => run('model', 'record', file, '--config', home.config);

before(() => { home = init(['--keyless']); });
after(() => home.remove());

test('a record becomes a leaf, beside a node that rests and one that serves', async () => {
  const resting = seal(record);
  assert.equal(resting.status, 0, resting.err);
  const digest = createHash('sha256').update(text).digest('hex');
  assert.match(resting.out, new RegExp(`^not here +keigo\\.gguf\nleaf +\\d+\nrecord +${digest}\n$`));
  const node = await serve(home);
  const first = await (await fetch(`${node.url}/chat/completions`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sekisho-keigo', messages: [{ role: 'user', content: 'はい' }], max_tokens: 4 }),
  })).json();
  writeFileSync(at('line.json'), `${text}\n`);
  const serving = seal(at('line.json'));
  assert.equal(serving.status, 0, serving.err);
  await node.stop();
  assert.equal(run('ledger', 'export', at('export'), '--config', home.config).status, 0);
  const proven = run('verify', at('export'), '--key', home.vkey);
  assert.equal(proven.status, 0, proven.err);
  const audit = run('audit', at('export'), '--key', home.vkey, '--format', 'json');
  assert.equal(audit.status, 0, audit.err);
  const entries = readdirSync(join(at('export'), 'tile/entries')).map((name) => join(at('export'), 'tile/entries', name));
  const part = entries.find((name) => name.endsWith('.p'));
  const bytes = readFileSync(join(part, readdirSync(part).sort((a, b) => b - a)[0]));
  const leaves = [];
  for (let from = 0; from < bytes.length; from += 2 + bytes.readUInt16BE(from))
    leaves.push(bytes.subarray(from + 2, from + 2 + bytes.readUInt16BE(from)).toString());
  for (const done of [resting, serving]) {
    const leaf = leaves[Number(/^leaf +(\d+)/m.exec(done.out)[1])];
    assert.ok(leaf.startsWith(`{"record":${text},"time_ms":`));
    const { type, v, time_ms } = JSON.parse(leaf);
    assert.deepEqual([type, v], ['training', 2]);
    assert.ok(Math.abs(Date.now() - time_ms) < 600_000);
  }
  assert.equal(verify(home, first.sekisho.receipt).status, 0);
});

test('the files beside a record are those it names, or it is refused', () => {
  const bytes = Buffer.from('a model');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(at('mine.json'), text.replace('04'.repeat(32), sha256));
  writeFileSync(at('keigo.gguf'), bytes);
  const same = run('model', 'record', at('mine.json'), '--check');
  assert.equal(same.status, 0, same.err);
  assert.equal(same.out, 'as recorded  keigo.gguf\n');
  writeFileSync(at('keigo.gguf'), 'another');
  for (const words of [['--check'], ['--config', home.config]]) {
    const other = run('model', 'record', at('mine.json'), ...words);
    assert.equal(other.status, 3);
    assert.match(other.err, /keigo\.gguf: not the file of the record/);
    assert.equal(other.out, '');
  }
  rmSync(at('keigo.gguf'));
});

test('what is no record is refused, and no leaf is left', () => {
  const size = () => readFileSync(join(home.directory, 'data/ledger/released'), 'utf8').split('\n')[1];
  const before = size();
  for (const [bad, names] of [[text.replace('"steps":1000', '"steps":1001 '), /one form/],
    [text.replace('"licence":"CC-BY-4.0",', ''), /sources\.licence: missing/], ['{}', /record: /], ['', /json: byte 0/]]) {
    writeFileSync(at('bad.json'), bad);
    const done = seal(at('bad.json'));
    assert.equal(done.status, 1, bad);
    assert.match(done.err, names);
  }
  assert.equal(seal(at('none.json')).status, 1);
  assert.equal(run('model', 'record').status, 2);
  assert.equal(size(), before);
});
