// A disk that fails under the real ledger room while it erases, keeps and answers orders: each call on a
// file of the archive, and of orders, fails once. The node goes on and says what failed; nothing is read
// again that an order was acknowledged of; the next order or start finishes what was begun, and texts are kept again.
import test from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { keysOf } from './archive.mjs';
import { asUser, configure, init, sekisho, serve, verify } from './node.mjs';

test('each call on a file of the archive, and of orders, fails once', { timeout: 280_000 }, async (t) => {
  const user = asUser(), home = init([], user);
  const rooms = join(user.home, 'bin/libexec/sekisho'), build = dirname(sekisho);
  const policy = join(home.directory, 'policy.yaml'), ledger = join(home.directory, 'data/ledger');
  writeFileSync(policy, 'format: 1\nname: keeping\nhome: JP\nunknown: node\nkeep: 9\n');
  configure(home, [[/^ +(# *)?policy: .*$/m, `  policy: "${policy}"`]]);
  copyFileSync(join(build, 'libexec/sekisho/ledger'), join(rooms, 'ledger.real'));
  copyFileSync(join(build, 'tests/fault/disk_shim.so'), join(rooms, 'disk_shim.so'));
  const install = (from) => {
    copyFileSync(from, join(rooms, 'fresh'));
    renameSync(join(rooms, 'fresh'), join(rooms, 'ledger'));
  };
  const command = (...args) => spawnSync(user.sekisho, [...args, '--config', home.config], { ...user.options, encoding: 'utf8', timeout: 90_000 });
  assert.equal(command('key', 'archive').status, 0);
  const archive = Buffer.from(readFileSync(join(home.directory, 'data/keys/archive.key'), 'utf8').trim(), 'hex');
  let node, row, since = 0;
  const start = async () => { node = await serve(home, {}, user); };
  const stop = async () => assert.deepEqual(await node.stop(), { code: 0, signal: null }, row);
  const whole = () => readFileSync(join(home.directory, 'log'), 'utf8'), log = () => whole().slice(since);
  const ask = async () => {
    const response = await fetch(`${node.url}/chat/completions`, {
      method: 'POST', headers: { authorization: `Bearer ${home.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'sekisho-keigo', temperature: 0, max_tokens: 2, messages: [{ role: 'user', content: 'はい' }] }),
    });
    const json = await response.json();
    assert.equal(response.status, 200, `${row}: ${JSON.stringify(json)}`);
    assert.equal(verify(home, json).status, 0, row);
    return { open: json.sekisho.receipt.open.index, kept: JSON.parse(json.sekisho.receipt.close.leaf).kept };
  };
  const erase = (open) => command('ledger', 'erase', '--open', String(open), '--reason', 'art-17');
  // Of what stands there who has the archive key reads these.
  const opens = () => ['kept.keys', 'kept.keys.new', 'kept.keys.old'].filter((name) => readdirSync(ledger).includes(name))
    .flatMap((name) => keysOf(readFileSync(join(ledger, name)), archive) ?? []).filter((one) => one.key)
    .map((one) => Number(one.open.readBigUInt64LE()));

  // True: the fault was met.
  async function life(target, restarts) {
    let done = erase(target.open);
    if (done.status !== 0) {
      assert.equal(node.child.exitCode, null, row);
      assert.match(log(), /(archive|order) text="\S*.*(kept\.(keys|\d+)|order\.done)\S*: .*(Input\/output error|No space left)/, row);
      assert.match(done.stderr, /the erasure of leaf \d+ is not finished \(mend the disk: .*kept\.\S+: |could not answer: its log says why/, row);
      if (restarts) {
        await stop();
        await start();
        assert.ok(!opens().includes(target.open), row);
      }
      done = erase(target.open);
      assert.match(done.stderr, /was erased already: leaf \d+/, row);
    }
    assert.ok(!opens().includes(target.open), row);
    assert.deepEqual(readdirSync(ledger).filter((name) => /^kept\.keys./.test(name)), [], row);
    let fresh = await ask();
    if (fresh.kept !== 'yes') {
      assert.match(log(), /archive text="kept\.\S+: .*(Input\/output error|No space left)/, row);
      // Any order: it is tried again. What nobody promised may be there all the same.
      const gone = erase(fresh.open);
      assert.match(gone.status ? gone.stderr : gone.stdout, /nothing is kept|^erased 1, leaf/, row);
      fresh = await ask();
    }
    assert.equal(fresh.kept, 'yes', row);
    assert.ok(opens().includes(fresh.open), row);
    target.open = fresh.open;
    return /(archive|order) text="/.test(log());
  }

  await start();
  const target = await ask(), counts = {};
  await stop();
  for (const name of ['kept', 'order']) {
    let met = true;
    for (let nth = 1; met; nth++) {
      row = `any ${nth % 2 ? 'EIO' : 'ENOSPC'} ${nth} once ${name}`;
      writeFileSync(join(rooms, 'plan'), `${row}\n`);
      since = whole().length;
      install(join(build, 'tests/fault/disk_room'));
      const refused = await start().then(() => null, (error) => error);
      install(join(build, 'libexec/sekisho/ledger'));
      if (refused) { // at the start nothing runs yet: it is refused, and the next one goes
        assert.match(refused.message, /node ended with 1/, row);
        assert.match(log(), /(kept\.\S+|fsync): .*(Input\/output error|No space left)/, row);
        await start();
      }
      met = await life(target, nth % 3 === 0) || refused !== null;
      await stop();
      counts[name] = nth - 1;
    }
  }
  t.diagnostic(JSON.stringify(counts));
  assert.ok(counts.kept > 15 && counts.order >= 6, JSON.stringify(counts));
  await start();
  assert.match(erase(target.open).stdout, /^erased 1, leaf \d+$/m);
  await stop();
  home.remove();
  user.remove();
});
