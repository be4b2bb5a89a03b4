// A backup made while the node serves; the node dies, its log is lost, and another log goes on from the
// backup. What is damaged or missing is refused, and nothing changes.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { init, sekisho, serve, verify } from './node.mjs';

let home, node, data, ledger, receipt;
const at = (name) => join(home.directory, name);
const command = (...args) => {
  const done = spawnSync(sekisho, ['ledger', ...args, '--config', home.config], { encoding: 'utf8', timeout: 90_000 });
  return { status: done.status, out: done.stdout, err: done.stderr };
};
const good = (...args) => {
  const done = command(...args);
  assert.equal(done.status, 0, done.err);
  return done.out;
};
const ask = async () => (await (await fetch(`${node.url}/chat/completions`, {
  method: 'POST', headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ model: 'sekisho-keigo', messages: [{ role: 'user', content: 'はい' }], temperature: 0, max_tokens: 4 }),
})).json()).sekisho.receipt;
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
// Leaves of a type, as the log's file has them.
const leaves = (directory, type) => readdirSync(directory).filter((name) => /^log\.\d{6}$/.test(name)).sort()
  .flatMap((name) => readFileSync(join(directory, name), 'latin1').match(/\{"[^\0-\x1f]*?"v":2\}/g) ?? [])
  .filter((text, i, all) => text.includes(`"type":"${type}"`) && all.indexOf(text) === i).map((text) => JSON.parse(Buffer.from(text, 'latin1')));

before(async () => {
  home = init(['--keyless']);
  data = at('data');
  ledger = join(data, 'ledger');
  node = await serve(home);
});
after(() => home.remove());

test('a backup of a node that serves: whole by its own check, by sha256sum, by scrub and as an export', async () => {
  receipt = await ask();
  await ask();
  const asks = Promise.all([ask(), ask()]); // the log grows meanwhile
  const out = good('backup', '--out', at('first'));
  await asks;
  assert.match(out, /^\S+first: \d+ leaves in \d+ segments, \d+ bytes, whole\nroot +[0-9a-f]{64}\nmanifest +[0-9a-f]{64}\nleaf +\d+\n$/);
  assert.equal(statSync(at('first')).mode & 0o777, 0o700);
  assert.ok(!existsSync(at('first.new')));
  for (const name of readdirSync(at('first'))) assert.match(name, /^(log\.\d{6}|released|log\.vkey|SHA256SUMS)$/);
  execFileSync('sha256sum', ['-c', '--quiet', 'SHA256SUMS'], { cwd: at('first') });
  assert.match(execFileSync(sekisho, ['ledger', 'scrub', at('first'), '--key', home.vkey], { encoding: 'utf8' }), /whole\n$/);
  good('export', at('exported'), '--ledger', at('first'));
  assert.equal(spawnSync(sekisho, ['verify', at('exported'), '--key', home.vkey]).status, 0);
  assert.match(good('backup', '--check', at('first')), /whole/);
  const [leaf] = leaves(ledger, 'backup');
  assert.deepEqual(Object.keys(leaf), ['bytes', 'manifest', 'root', 'size', 'time_ms', 'type', 'v']);
  assert.equal(leaf.manifest, sha256(readFileSync(at('first/SHA256SUMS'))));
  const [, size, root] = readFileSync(at('first/released'), 'utf8').split('\n');
  assert.equal(leaf.size, Number(size));
  assert.equal(leaf.root, Buffer.from(root, 'base64').toString('hex'));
  assert.ok(out.includes(leaf.manifest) && out.includes(leaf.root));
});

test('what is there is not overwritten; what the node is told of another log is refused', () => {
  const again = command('backup', '--out', at('first'));
  assert.equal(again.status, 1);
  assert.match(again.err, /first: it exists already/);
  assert.equal(command('backup').status, 2);
  mkdirSync(at('second.new'));
  assert.match(command('backup', '--out', at('second')).err, /broken off/);
  rmSync(at('second.new'), { recursive: true });
  assert.equal(leaves(ledger, 'backup').length, 1);
});

test('a forecast: rates of the log, days until the disk is full, a leaf with the same figures', () => {
  const text = good('forecast', '--dry-run');
  assert.match(text, /^\d+ leaves, the newest of \d{4}-\d\d-\d\d \d\d:\d\d UTC\n/);
  assert.match(text, /^full in +(\d+ days|never)$/m);
  assert.equal(leaves(ledger, 'forecast').length, 0);
  const json = JSON.parse(good('forecast', '--json', '--reserve', '2KiB'));
  const rate = Math.max(...['day', 'week', 'month'].map((span) => json.log[span] + json.kept[span]));
  assert.ok(rate > 0 && json.log.bytes > 0);
  assert.equal(json.reserve, 2048);
  assert.equal(json.days_full, Math.floor(json.free / rate));
  assert.equal(json.days_reserve, Math.floor((json.free - 2048) / rate));
  const [leaf] = leaves(ledger, 'forecast');
  assert.deepEqual([leaf.log, leaf.kept, leaf.free, leaf.days_full, leaf.size], [json.log, json.kept, json.free, json.days_full, json.size]);
  assert.equal(command('forecast', '--reserve', 'much').status, 2);
  assert.match(command('retention').err, /no archive/);
});

// Changes the log's key; the node is stopped.
const change = () => ['rotate', 'retire'].forEach((step) => execFileSync(sekisho, ['key', step, '--config', home.config]));

test('after the key changed, twice, a backup of before holds and is restored from; of a key that nothing leads to, it is refused', async () => {
  await node.stop();
  good('backup', '--out', at('before'));
  const kept = at('kept'), vkey = readFileSync(at('before/log.vkey'));
  const places = [data, home.config];
  const put = (from, to) => { for (const place of places) cpSync(place.replace(home.directory, from), place.replace(home.directory, to), { recursive: true }); };
  mkdirSync(kept);
  put(home.directory, kept);
  change();
  good('backup', '--out', at('between'));
  change();
  for (const name of ['before', 'between', 'first']) assert.match(good('backup', '--check', at(name)), /whole\n/);
  const notes = readdirSync(join(data, 'keys')).filter((name) => /^(begin|end)-[0-9a-f]{8}\.note$/.test(name));
  assert.equal(notes.length, 4);
  renameSync(ledger, at('lost'));
  for (const name of notes) renameSync(join(data, 'keys', name), at(name));
  const alone = command('backup', '--check', at('before')), refused = command('restore', '--from', at('before'), '--reason', 'disk lost');
  assert.equal(alone.status, 3);
  assert.match(alone.err, /before: released: signed by another key than test\.invalid\/api of this log/);
  assert.equal(refused.status, 1);
  assert.ok(!existsSync(ledger));
  good('backup', '--check', at('before'), '--key', at('before/log.vkey'));
  for (const name of notes) renameSync(at(name), join(data, 'keys', name));
  good('restore', '--from', at('before'), '--reason', 'disk lost');
  const aside = join(data, readdirSync(data).find((name) => name.startsWith('ledger.')));
  assert.deepEqual(readFileSync(join(aside, 'log.vkey')), vkey);
  assert.equal(leaves(ledger, 'restore')[0].checkpoint, readFileSync(at('before/released'), 'utf8'));
  // As it was, for what follows.
  for (const place of places) rmSync(place, { recursive: true });
  put(kept, home.directory);
  rmSync(at('lost'), { recursive: true });
  node = await serve(home);
});

test('a backup with a changed byte, or without a segment, is refused by check and restore', async () => {
  await node.stop();
  const last = good('backup', '--out', at('last')); // while no node runs
  assert.match(last, /leaf +\d+/);
  node = await serve(home);
  writeFileSync(at('checkpoint'), readFileSync(join(ledger, 'released')));
  for (const more of [['--from', at('last')], ['--checkpoint', at('checkpoint'), '--policy', at('none')]])
    assert.match(command('restore', ...more, '--reason', 'too early').err, /a node runs on \S+ledger: stop it first/);
  assert.ok(!readdirSync(data).some((one) => one.startsWith('ledger.')));
  await ask(); // lost with the disk
  node.child.kill('SIGKILL');
  await node.ended;
  renameSync(ledger, at('lost'));
  const restore = (from) => command('restore', '--from', from, '--reason', 'disk lost');
  const segments = readdirSync(at('last')).filter((name) => /^log\.\d/.test(name)).sort();
  for (const name of [segments[0], segments.at(-1), 'released', 'SHA256SUMS', 'log.vkey']) {
    for (const hurt of ['flipped', 'missing']) {
      const bad = at('bad'), path = join(bad, name);
      cpSync(at('last'), bad, { recursive: true });
      const bytes = readFileSync(path);
      bytes[bytes.length >> 1] ^= 1;
      rmSync(path);
      if (hurt === 'flipped') writeFileSync(path, bytes);
      const checked = command('backup', '--check', bad), restored = restore(bad);
      assert.notEqual(checked.status, 0, `${name} ${hurt}`);
      if (hurt === 'flipped') assert.equal(checked.status, 3);
      assert.equal(restored.status, 1, `${name} ${hurt}`);
      assert.ok(!existsSync(ledger) && !readdirSync(data).some((one) => one.startsWith('ledger')));
      rmSync(bad, { recursive: true });
    }
  }
});

test('restored: the backup stands aside, another log goes on and names where the old one ended', async () => {
  mkdirSync(ledger);
  writeFileSync(join(ledger, 'log.000000'), 'x');
  assert.match(command('restore', '--from', at('last'), '--reason', 'disk lost').err, /move away what is left of the log/);
  rmSync(ledger, { recursive: true });
  // In its place the copy is no log: it would fork.
  cpSync(at('last'), ledger, { recursive: true });
  await assert.rejects(serve(home), /this is a backup.*sekisho ledger restore/);
  rmSync(ledger, { recursive: true });
  const out = good('restore', '--from', at('last'), '--reason', 'disk lost, backup of Sunday');
  assert.match(out, /^log +test\.invalid\/api\/2$/m);
  const aside = readdirSync(data).find((name) => name.startsWith('ledger.'));
  // with the key of the witness that retires
  assert.deepEqual(readdirSync(join(data, aside)).filter((name) => name !== 'witness.skey').sort(), readdirSync(at('last')).sort());
  const [first] = leaves(ledger, 'restore');
  assert.equal(first.cause, 'restored');
  assert.equal(first.reason, 'disk lost, backup of Sunday');
  assert.equal(first.checkpoint, readFileSync(at('last/released'), 'utf8'));
  assert.equal(verify(home, receipt).status, 0); // of before, with the old key
  node = await serve(home);
  const fresh = await ask(), vkey = readFileSync(join(data, 'keys/log.vkey'), 'utf8').trim();
  assert.notEqual(vkey, home.vkey);
  assert.equal(fresh.origin, 'test.invalid/api/2');
  assert.equal(verify({ ...home, vkey }, fresh).status, 0);
  assert.match(good('backup', '--out', at('third')), /whole/); // and has backups of its own
  await node.stop();
});

test('a log that was closed gets no leaf, and no backup', () => {
  const asides = () => readdirSync(data).filter((name) => name.startsWith('ledger.'));
  const before = asides();
  cpSync(join(data, 'keys'), at('keys'), { recursive: true });
  cpSync(home.config, at('config'));
  execFileSync(sekisho, ['key', 'compromised', '--reason', 'stolen', '--config', home.config]);
  // As a command leaves it that was killed before it moved the closed log aside.
  rmSync(join(data, 'keys'), { recursive: true });
  cpSync(at('keys'), join(data, 'keys'), { recursive: true });
  cpSync(at('config'), home.config);
  rmSync(ledger, { recursive: true });
  renameSync(join(data, asides().find((name) => !before.includes(name))), ledger);
  assert.equal(leaves(ledger, 'closed').length, 1);
  const done = command('backup', '--out', at('fourth'));
  assert.equal(done.status, 1);
  assert.match(done.err, /this log was closed/);
  assert.ok(!existsSync(at('fourth')) && !existsSync(at('fourth.new')));
});
