// A full disk and a directory nobody may write: the node says so and stops rather than answer
// without a seal; what was given out stays true, and with room again the log goes on.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asUser, init, serve, verify } from './node.mjs';

const root = process.getuid() === 0;

const ask = (node, place) => fetch(`${node.url}/chat/completions`, {
  method: 'POST', headers: { authorization: `Bearer ${place.key}`, 'content-type': 'application/json' },
  body: JSON.stringify({ model: 'sekisho-keigo', temperature: 0, max_tokens: 2, messages: [{ role: 'user', content: 'はい' }] }),
});
const numberOf = (answer) => JSON.parse(answer.sekisho.receipt.open.leaf).n;

test('a full disk stops the node; with room again it goes on', { skip: !root && 'skip: needs root to mount a small disk' }, async () => {
  const place = init();
  const ledger = join(place.directory, 'data/ledger');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=160k', 'tmpfs', ledger]);
  try {
    const node = await serve(place);
    const held = [];
    for (let i = 0; i < 1000 && node.child.exitCode === null; i++) {
      const response = await ask(node, place).catch(() => null);
      if (response?.status === 200) held.push(await response.json());
    }
    assert.deepEqual(await node.ended, { code: 1, signal: null });
    assert.match(node.log(), /ledger fail code=SK_(LIMIT|IO) text=".*No space left/);
    assert.ok(held.length > 10);
    execFileSync('mount', ['-o', 'remount,size=4m', ledger]);
    const again = await serve(place);
    const next = await (await ask(again, place)).json();
    assert.ok(numberOf(next) > numberOf(held.at(-1)));
    for (const answer of [...held, next]) assert.equal(verify(place, answer).status, 0);
    for (const answer of held) {
      const { index, leaf } = answer.sekisho.receipt.open;
      const now = await (await fetch(`${again.url}/receipts/${index}`, { headers: { authorization: `Bearer ${place.key}` } })).json();
      assert.equal(now.open.leaf, leaf);
    }
    await again.stop();
  } finally {
    spawnSync('umount', [ledger]);
    place.remove();
  }
});

test('a data directory that cannot be written is said at the start', () => {
  const user = asUser();
  const place = init([], user);
  chmodSync(join(place.directory, 'data/ledger'), 0o500);
  const done = spawnSync(user.sekisho, ['serve', '--config', place.config], { ...user.options, encoding: 'utf8', timeout: 20_000 });
  assert.equal(done.status, 1);
  assert.match(done.stderr.trim().split('\n').at(-1), /^sekisho: ledger: .*Permission denied/);
  place.remove();
  user.remove();
});

const segments = (place) => readdirSync(join(place.directory, 'data/ledger')).filter((name) => /^log\.\d+$/.test(name)).sort();
const scrub = (place, ...more) => spawnSync(process.env.SEKISHO, ['ledger', 'scrub', join(place.directory, 'data/ledger'), ...more], { encoding: 'utf8' });

test('full segments are read again and sealed; a changed byte is named, and the node refuses to start on it', async () => {
  const place = init();
  for (let life = 0; life < 3; life++) { // each life begins a segment
    const node = await serve(place);
    for (let i = 0; i < 3; i++) assert.equal((await ask(node, place)).status, 200);
    await node.stop();
  }
  const node = await serve(place);
  const sealed = join(place.directory, 'data/ledger/sealed');
  for (let i = 0; i < 100 && !node.log().includes(' scrub '); i++) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.match(node.log(), /ledger scrub segments=\d+ sealed=\d+ leaves=\d+ bytes=\d+ damaged=0 /);
  await node.stop();
  const lines = readFileSync(sealed, 'utf8').trim().split('\n');
  const names = segments(place);
  assert.equal(lines.length, names.length - 1);
  for (const [i, line] of lines.entries()) { // as by head and sha256sum
    const [name, bytes, digest] = line.split(' ');
    assert.equal(name, names[i]);
    const file = join(place.directory, 'data/ledger', name);
    assert.equal(statSync(file).mode & 0o777, 0o400);
    assert.equal(createHash('sha256').update(readFileSync(file).subarray(0, Number(bytes))).digest('hex'), digest);
  }
  const whole = scrub(place);
  assert.equal(whole.status, 0, whole.stdout + whole.stderr);
  assert.match(whole.stdout, new RegExp(`in ${names.length} segments, ${lines.length} of them sealed`));
  const { v, bytes: read, leaves, ...rest } = JSON.parse(scrub(place, '--json', '--key', place.vkey).stdout);
  assert.equal(v, 'sekisho-scrub/1');
  assert.match(whole.stdout, new RegExp(`^${leaves} leaves in .*; ${read} bytes read$`, 'm'));
  assert.deepEqual(rest, { damages: [], segments: names.length, sealed: lines.length, tail: 0, rooted: true, signature_checked: true, whole: true });
  const file = join(place.directory, 'data/ledger', names[1]);
  const bytes = readFileSync(file);
  const at = bytes.indexOf('"type":"open"');
  bytes[at] ^= 1;
  chmodSync(file, 0o600);
  writeFileSync(file, bytes);
  const damaged = scrub(place);
  assert.equal(damaged.status, 3);
  assert.match(damaged.stdout, new RegExp(`^${names[1]} byte \\d+: leaf \\d+: damaged$`, 'm'));
  const told = scrub(place, '--json'), said = JSON.parse(told.stdout);
  assert.equal(told.status, 3);
  assert.equal(said.whole, false);
  assert.equal(damaged.stdout.split('\n').filter((line) => /^log\.\d+ byte /.test(line)).length, said.damages.length);
  assert.ok(said.damages.some((one) => one.segment === 1 && one.leaves === 1 && one.what === 'damaged'));
  const refused = spawnSync(process.env.SEKISHO, ['serve', '--config', place.config], { encoding: 'utf8', timeout: 20_000 });
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /segment 1: it has other bytes than when it was sealed/);
  place.remove();
});
