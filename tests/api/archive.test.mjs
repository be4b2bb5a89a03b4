// The archive over time: texts whose days are over are erased by the node that runs, and the archive key is
// changed, with the command killed at every step. Days are over because the test, who has the archive key,
// writes an earlier last second into the key file: no clock is moved and nothing is waited for.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { files, keyId, keysOf, lasting, recordOf } from './archive.mjs';
import { configure, init, sekisho, serve, verify } from './node.mjs';
import { pieces, scripted } from './scripted.mjs';

const template = '{% for m in messages %}{{ m.content }}\n{% endfor %}';
const policy = 'format: 1\nname: keeping\nhome: JP\nunknown: node\nkeep: 1\n';
let home, node, data, ledger;
const command = (args, env = {}) => spawnSync(sekisho, [...args, '--config', home.config],
  { encoding: 'utf8', timeout: 90_000, env: { ...process.env, ...env } });
const good = (...args) => {
  const done = command(args);
  assert.equal(done.status, 0, done.stderr);
  return done.stdout;
};
const ask = async (content) => {
  const sent = JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] });
  const response = await fetch(`${node.url}/chat/completions`, {
    method: 'POST', body: sent, headers: { 'content-type': 'application/json', authorization: `Bearer ${home.key}` } });
  const json = await response.json();
  assert.equal(response.status, 200, JSON.stringify(json));
  return { sent, receipt: json.sekisho.receipt, open: json.sekisho.receipt.open.index };
};
const disclosed = (open, ...rest) => JSON.parse(good('ledger', 'disclose', '--open', String(open), ...rest));
const proven = (bundle) => {
  const done = spawnSync(sekisho, ['verify', '-', '--key', home.vkey, '--json'], { input: JSON.stringify(bundle), encoding: 'utf8' });
  assert.equal(done.status, 0, done.stdout + done.stderr);
  return JSON.parse(done.stdout).sentences.filter((one) => one.state === 'proven');
};
const keyFile = (name) => join(data, 'keys', name);
// Null of a file that is not there, or holds no key.
const key = (name) => {
  const text = existsSync(keyFile(name)) ? readFileSync(keyFile(name), 'utf8') : '';
  return /^[0-9a-f]{64}\n$/.test(text) ? Buffer.from(text.trim(), 'hex') : null;
};
const rows = (archive, name = 'kept.keys') => (existsSync(join(ledger, name)) ? keysOf(readFileSync(join(ledger, name)), archive) : null);
const found = (needle) => [...files(data)].filter(([, bytes]) => bytes.includes(needle)).map(([path]) => path);
const stop = async () => assert.deepEqual(await node.stop(), { code: 0, signal: null });

before(async () => {
  home = init();
  data = join(home.directory, 'data');
  ledger = join(data, 'ledger');
  const file = join(home.directory, 'policy.yaml');
  writeFileSync(file, policy);
  const path = scripted({ template, scripts: [pieces('Plum wine is at the harbour gate.', 4, 1)], context: 4096 }).write(join(home.directory, 'm.gguf'));
  configure(home, [[/^ +(# *)?policy: .*$/m, `  policy: "${file}"`], [/models:\n( .*\n)+/, `models:\n  - {id: "m", file: "${path}"}\n`]]);
  good('key', 'archive');
  node = await serve(home);
});
after(() => home.remove());

// As the node keeps it, a second long over.
function expire(open) {
  const path = join(ledger, 'kept.keys');
  writeFileSync(path, lasting(readFileSync(path), key('archive.key'), open, 1_000_000_000));
}
const retentions = async (count) => {
  for (;;) {
    const lines = [...node.log().slice(seen).matchAll(/retention erased=(\d+) leaf=(\d+) bytes=(\d+)/g)];
    if (lines.length >= count) return lines.map((line) => ({ erased: Number(line[1]), leaf: Number(line[2]), bytes: Number(line[3]) }));
    await pause(20);
  }
};
const retention = async () => (await retentions(1))[0];
let seen = 0; // of the node's log
let third;

test('retention: a running node erases what is over, with a leaf; the rest stays', async () => {
  const first = await ask('Where is the zanzibar-tangerine parcel?'), second = await ask('The other one');
  assert.equal(JSON.parse(first.receipt.close.leaf).kept, 'yes');
  assert.equal(proven(disclosed(first.open, '--fields', 'body')).filter((one) => one.id === 'request').length, 1);
  await stop();
  assert.doesNotMatch(node.log(), /retention/);
  const mine = rows(key('archive.key')).find((one) => Number(one.open.readBigUInt64LE()) === first.open);
  assert.ok(recordOf(ledger, mine).includes('zanzibar-tangerine'));
  const before = [...files(ledger)].filter(([path]) => path.includes('/kept.')); // by whoever copied it
  expire(first.open);
  seen = node.log().length;
  node = await serve(home);
  const { erased, leaf } = await retention();
  assert.equal(erased, 1);
  // The leaf, and the proofs of before.
  const bundle = disclosed(first.open, '--fields', 'body,prompt,answer'), said = JSON.parse(bundle.erasure.leaf);
  assert.deepEqual(bundle.fields, []);
  assert.deepEqual([said.opens, said.reason], [[first.open], 'retention']);
  assert.match(bundle.erasure.proof, new RegExp(`\nindex ${leaf}\n`));
  assert.deepEqual(proven(bundle).map((one) => one.id), ['signature', 'decision', 'outcome', 'bound', 'erased']);
  assert.match(proven(bundle).find((one) => one.id === 'erased').text, /retention/);
  assert.equal(verify(home, first.receipt, { request: first.sent }).status, 0);
  // Nothing below the data directory shows it, and no key that is left opens what is.
  for (const needle of ['zanzibar-tangerine', 'Plum wine', mine.key, Buffer.from(first.receipt.salts.request_body, 'hex'), first.receipt.salts.request_body])
    assert.deepEqual(found(needle), [], String(needle));
  const left = rows(key('archive.key'));
  assert.deepEqual(left.map((one) => Number(one.open.readBigUInt64LE())), [second.open]);
  for (const one of left) assert.equal(recordOf(ledger, { ...mine, key: one.key }), null);
  assert.equal(disclosed(second.open, '--fields', 'body').fields.length, 1);
  third = await ask('Kept after it'); // the archive goes on
  await stop();
  // Put back what was copied before: the log says what is to be erased again, before anything else.
  const keys = readFileSync(join(ledger, 'kept.keys'));
  for (const [path, bytes] of before) writeFileSync(path, bytes);
  assert.ok(rows(key('archive.key')).some((one) => Number(one.open.readBigUInt64LE()) === first.open));
  node = await serve(home);
  await stop();
  assert.deepEqual(rows(key('archive.key')).map((one) => Number(one.open.readBigUInt64LE())), [second.open]);
  writeFileSync(join(ledger, 'kept.keys'), keys);
  // With the last record of a file the file goes.
  const file = join(ledger, `kept.${String(mine.segment).padStart(6, '0')}`);
  assert.ok(existsSync(file));
  expire(second.open);
  seen = node.log().length;
  node = await serve(home);
  assert.equal((await retention()).erased, 1);
  assert.equal(existsSync(file), false);
  assert.equal(disclosed(third.open, '--fields', 'body').fields.length, 1);
});

// It looks once a minute: a second batch that waited for that would be too late.
test('of more than one leaf names the rest goes right after', { timeout: 50_000 }, async () => {
  await stop();
  const path = join(ledger, 'kept.keys'), others = Array.from({ length: 1500 }, (_, i) => 1_000_000 + i);
  const mine = rows(key('archive.key')).find((one) => Number(one.open.readBigUInt64LE()) === third.open);
  writeFileSync(path, lasting(readFileSync(path), key('archive.key'), third.open, 1_000_000_000, others));
  seen = node.log().length;
  node = await serve(home);
  const lines = await retentions(2), bytes = mine.len + 112;
  assert.deepEqual(lines.map((line) => [line.erased, line.bytes]), [[1000, 1000 * bytes], [500, 500 * bytes]]);
  assert.deepEqual(rows(key('archive.key')).map((one) => Number(one.open.readBigUInt64LE())), [third.open]);
});

// Who may have an archive key, may it read this request from the files as they stand?
const readable = (archive, open) => ['kept.keys', 'kept.keys.new', 'kept.keys.old'].some((name) => rows(archive, name)
  ?.some((one) => one.key && Number(one.open.readBigUInt64LE()) === open && recordOf(ledger, one)));
// Leaves of a change, in order: a new segment repeats the last batch of the one before.
const changes = () => {
  const text = [...files(ledger)].filter(([path]) => /log\.\d+$/.test(path)).sort().map(([, bytes]) => bytes.toString('latin1')).join('');
  const leaf = /\{"new_key":"([0-9a-f]{16})","old_key":"([0-9a-f]{16})","time_ms":\d+,"type":"archive-key","v":2\}/g;
  return [...new Map([...text.matchAll(leaf)].map((one) => [one[0], one])).values()];
};

test('the archive key is changed: killed before any write, the old or the new one reads; given again it ends', async (t) => {
  const gone = await ask('To be erased before');
  const running = command(['key', 'archive', 'rotate']);
  assert.equal(running.status, 1);
  assert.match(running.stderr, /a node runs on \S+: stop it first/);
  await stop();
  good('ledger', 'erase', '--open', String(gone.open));
  const shim = join(dirname(sekisho), 'tests/fault/disk_shim.so'), saved = join(home.directory, 'saved');
  const old = key('archive.key');
  execFileSync('cp', ['-a', data, saved]);
  const restore = () => { rmSync(data, { recursive: true }); execFileSync('cp', ['-a', saved, data]); };
  let steps = 0, looked = 0, refused = false;
  for (;; steps++) {
    restore();
    const done = command(['key', 'archive', 'rotate'], { LD_PRELOAD: shim, DISK_PLAN: `any kill ${steps + 1} once` });
    if (done.signal !== 'SIGKILL') {
      assert.equal(done.status, 0, done.stderr);
      break;
    }
    const at = `killed before write ${steps + 1}`, held = ['archive.key', 'archive.next'].map(key).filter(Boolean);
    assert.ok(key('archive.key'), at);
    assert.ok(held.some((one) => readable(one, third.open)), at);
    for (const one of held) assert.ok(!readable(one, gone.open), at);
    if (key('archive.next') && looked++ === 0) assert.match(command(['doctor']).stdout, /look +archive key +its change was cut short/);
    if (!refused && rows(key('archive.key')) === null && existsSync(join(ledger, 'kept.keys'))) {
      refused = true;
      await assert.rejects(serve(home), /of another archive key \(`sekisho key archive rotate` ends a change/);
    }
    // Where there are no hard links the old key has no file of its name for a while.
    if (steps % 2 && key('archive.next')) renameSync(keyFile('archive.key'), keyFile('archive.old'));
    const again = command(['key', 'archive', 'rotate']);
    assert.equal(again.status, 0, `${at}: ${again.stderr}`);
    const now = key('archive.key'), last = changes();
    assert.notDeepEqual(now, old, at);
    assert.ok(readable(now, third.open) && !readable(now, gone.open) && !readable(old, third.open), at);
    assert.deepEqual(readdirSync(join(data, 'keys')).filter((name) => name.startsWith('archive')), ['archive.key'], at);
    assert.deepEqual(found(old.toString('hex')), [], at);
    assert.ok(last.length >= 1 && last[0][2] === keyId(old) && last.at(-1)[1] === keyId(now), at);
    for (let i = 1; i < last.length; i++) assert.equal(last[i][2], last[i - 1][1], at);
  }
  t.diagnostic(`${steps} steps`);
  assert.ok(steps > 20 && refused);
  restore();
  const unlinked = command(['key', 'archive', 'rotate'], { LD_PRELOAD: shim, DISK_PLAN: 'link EPERM 1 ever' });
  assert.equal(unlinked.status, 0, unlinked.stderr);
  assert.deepEqual(readdirSync(join(data, 'keys')).filter((name) => name.startsWith('archive')), ['archive.key']);
  assert.ok(readable(key('archive.key'), third.open) && !readable(old, third.open));
});

test('after it the node keeps and reads on; what was erased stays erased', async () => {
  const now = key('archive.key'), id = changes().at(-1);
  assert.equal(id[1], keyId(now));
  assert.equal(statSync(keyFile('archive.key')).mode & 0o777, 0o400);
  assert.equal(disclosed(third.open, '--fields', 'body').fields.length, 1); // by a command
  node = await serve(home);
  const fourth = await ask('Kept under the new key');
  for (const { open } of [third, fourth])
    assert.ok(proven(disclosed(open, '--fields', 'body,answer')).some((one) => one.id === 'answer'));
  assert.equal(verify(home, third.receipt, { request: third.sent }).status, 0);
  await stop();
  // A copy of the archive from before the change opens with the old key alone: the page says so.
  const saved = join(home.directory, 'saved'), before = readFileSync(join(saved, 'ledger/kept.keys'));
  assert.equal(keysOf(before, now), null);
  assert.ok(keysOf(before, Buffer.from(readFileSync(join(saved, 'keys/archive.key'), 'utf8').trim(), 'hex')));
});
