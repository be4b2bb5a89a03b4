// A disk that fails under the real ledger room: every write, sync and rename, one after the other,
// goes wrong in every way. The node stops rather than answer without a seal; whatever a client was
// given verifies afterwards and stands in the log that the node goes on with.
import test from 'node:test';
import assert from 'node:assert/strict';
import { copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asUser, init, sekisho, serve, verify } from './node.mjs';

const asks = 8;
const rows = [ // call, what it does, which one, whether the node survives it
  ['pwrite', 'EIO', 'once'], ['pwrite', 'ENOSPC', 'ever'], ['pwrite', 'torn', 'once'], ['pwrite', 'short', 'ever', true],
  ['pwrite', 'EINTR', 'once', true], ['fdatasync', 'EIO', 'once'], ['fdatasync', 'EIO', 'ever'], ['fdatasync', 'ENOSPC', 'once'],
  ['fsync', 'EIO', 'once'], ['renameat', 'EIO', 'once'], ['renameat', 'ENOSPC', 'once'],
];
const nths = [1, 2, 3, 5, 8, 13];

const ask = async (node, place) => {
  const response = await fetch(`${node.url}/chat/completions`, {
    method: 'POST', headers: { authorization: `Bearer ${place.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sekisho-keigo', temperature: 0, max_tokens: 2, messages: [{ role: 'user', content: 'はい' }] }),
  });
  return response.status === 200 ? await response.json() : null;
};

// The log still says what each client holds.
async function stands(node, place, held, row) {
  for (const answer of held) {
    assert.equal(verify(place, answer).status, 0, row);
    const { open, close } = answer.sekisho.receipt;
    const now = await (await fetch(`${node.url}/receipts/${open.index}`, { headers: { authorization: `Bearer ${place.key}` } })).json();
    assert.equal(now.open.leaf, open.leaf, row);
    assert.equal(now.close.leaf, close.leaf, row);
  }
}

test('what was acknowledged before the disk failed stays true', { timeout: 280_000 }, async () => {
  const user = asUser();
  const place = init([], user);
  const rooms = join(user.home, 'bin/libexec/sekisho'), build = dirname(sekisho);
  copyFileSync(join(build, 'libexec/sekisho/ledger'), join(rooms, 'ledger.real'));
  copyFileSync(join(build, 'tests/fault/disk_shim.so'), join(rooms, 'disk_shim.so'));
  const install = (from) => {
    copyFileSync(from, join(rooms, 'fresh'));
    renameSync(join(rooms, 'fresh'), join(rooms, 'ledger'));
  };
  const all = [], table = [];
  for (const [call, kind, often, survives] of rows) {
    const count = { stopped: 0, refused: 0, unreached: 0, receipts: 0 };
    for (const nth of nths) {
      const row = `${call} ${kind} ${nth} ${often}`;
      writeFileSync(join(rooms, 'plan'), `${row}\n`);
      install(join(build, 'tests/fault/disk_room'));
      const failing = await serve(place, {}, user).catch((error) => {
        assert.match(error.message, /node ended with 1/, row);
        return null;
      });
      install(join(build, 'libexec/sekisho/ledger'));
      const held = [];
      for (let i = 0; failing && i < asks && failing.child.exitCode === null; i++) {
        const answer = await ask(failing, place).catch(() => null);
        if (answer) held.push(answer);
      }
      const stopped = failing && held.length < asks;
      if (stopped) assert.deepEqual(await failing.ended, { code: 1, signal: null }, row);
      else if (failing) await failing.stop(); // what is written then may fail: the record is only older
      if (survives) assert.equal(held.length, asks, row);
      count[!failing ? 'refused' : stopped ? 'stopped' : 'unreached']++;
      count.receipts += held.length;
      const node = await serve(place, {}, user);
      await stands(node, place, held, row);
      assert.deepEqual(await node.stop(), { code: 0, signal: null }, row);
      all.push(...held);
    }
    table.push({ call, goes: `${kind} ${often}`, ...count });
    if (!survives) assert.ok(count.stopped + count.refused > 0, `${call} ${kind}: it was met`);
  }
  const node = await serve(place, {}, user);
  await stands(node, place, all, 'at the end');
  await node.stop();
  console.table(table);
  place.remove();
  user.remove();
});
