// kill -9 under load. Whatever a client was given stays true: every receipt verifies against the
// log that the node goes on with, numbers of the key have no gap, and each decision has its outcome.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { configure, init, serve, verify } from './node.mjs';
import { FOREVER, endless } from './scripted.mjs';

const rounds = Number(process.env.SEKISHO_KILLS ?? 200);
const model = 'sekisho-keigo';

function ask(node, key, extra = {}) {
  return fetch(`${node.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    // The grammar lets no answer end early: many are in the middle when the node is killed.
    body: JSON.stringify({ model, temperature: 2, max_tokens: 3 + Math.floor(Math.random() * 200),
      grammar: 'root ::= .{400,}', messages: [{ role: 'user', content: 'こんにちは' }], ...extra }),
  });
}

// Four clients ask until the node is gone; what came back whole is kept.
async function load(node, key, held, running) {
  const one = async () => {
    while (running.on) {
      try {
        const response = await ask(node, key);
        const answer = await response.json();
        if (response.status === 200) held.push(answer);
        else assert.ok([429, 503].includes(response.status), JSON.stringify(answer));
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        return; // the connection fell with the node
      }
    }
  };
  await Promise.all([one(), one(), one(), one()]);
}

const roomPids = (parent) => execFileSync('pgrep', ['-P', String(parent)], { encoding: 'utf8' })
  .trim().split('\n').map(Number);
const roomNamed = (parent, name) => roomPids(parent).find((pid) =>
  execFileSync('ps', ['-o', 'comm=', '-p', String(pid)], { encoding: 'utf8' }).trim() === name);

test(`kill -9 of the node, ${rounds} times`, { timeout: 280_000 }, async () => {
  const place = init();
  configure(place, [endless(place.directory)]);
  const held = [];
  const table = ['parent', 'ledger', 'border'].map((killed) => ({ killed, kills: 0, receipts: 0, torn: 0 }));
  for (let round = 0; round < rounds; round++) {
    const node = await serve(place);
    const running = { on: true }, before = held.length;
    const loads = load(node, place.key, held, running);
    // Twice in thirty rounds, before the ledger falls and before border does, an answer has begun that
    // never ends by itself.
    const begun = [1, 2].includes(round % 30) &&
      await ask(node, place.key, { model: 'endless', grammar: undefined, stream: true, max_tokens: FOREVER });
    if (begun) assert.equal(begun.status, 200);
    await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 120));
    // Every third time a room falls first, and the node with it.
    const victims = [node.child.pid, roomNamed(node.child.pid, 'ledger'), roomNamed(node.child.pid, 'border')];
    const row = table[round % 3];
    process.kill(victims[round % 3], 'SIGKILL');
    await node.ended;
    running.on = false;
    await loads;
    if (begun) await begun.text().then(() => {}, () => {}); // ended with an error, or cut
    row.kills++;
    row.receipts += held.length - before;
  }
  const node = await serve(place);
  const headers = { authorization: `Bearer ${place.key}` };
  const leaves = held.map((answer) => JSON.parse(answer.sekisho.receipt.open.leaf));
  const numbers = leaves.map((leaf) => leaf.n).sort((a, b) => a - b);
  assert.equal(new Set(numbers).size, numbers.length, 'no number twice');
  for (const answer of held) {
    assert.equal(verify(place, answer).status, 0);
    const open = answer.sekisho.receipt.open;
    const now = await (await fetch(`${node.url}/receipts/${open.index}`, { headers })).json();
    assert.equal(now.open.leaf, open.leaf, 'the log still says what the client holds');
    assert.equal(now.close.leaf, answer.sekisho.receipt.close.leaf);
  }
  // Dense: walk the whole log by its receipts; every decision is there, numbered 1, 2, 3 …, closed.
  let number = 0, lost = 0;
  // What each start cut off: a batch that was being written and never acknowledged.
  const starts = [...node.log().matchAll(/ledger log size=\d+ dropped=(\d+)/g)].slice(1);
  for (const [i, start] of starts.entries()) if (start[1] !== '0') table[i % 3].torn++;
  const last = JSON.parse((await (await ask(node, place.key, { max_tokens: 1 })).text())).sekisho.receipt.open;
  for (let index = 0; index <= last.index; index++) {
    const response = await fetch(`${node.url}/receipts/${index}`, { headers });
    if (response.status === 404) continue; // a close, or a leaf of the node's own
    const receipt = await response.json();
    assert.equal(JSON.parse(receipt.open.leaf).n, ++number);
    if (JSON.parse(receipt.close.leaf).outcome === 'lost') lost++;
    assert.equal(verify(place, receipt).status, 0);
  }
  assert.equal(number, JSON.parse(last.leaf).n);
  console.table(table);
  console.log(`kills ${rounds}, receipts held ${held.length}, decisions ${number}, closed as lost ${lost}`);
  assert.ok(held.length > rounds / 2 && lost >= Math.floor(rounds / 15), 'the load was real');
  await node.stop();
  place.remove();
});

test('a fallen gate or engine is replaced; the node goes on', async () => {
  const place = init();
  const node = await serve(place);
  for (const room of ['gate', 'engine', 'gate', 'engine']) {
    const before = roomNamed(node.child.pid, room);
    process.kill(before, 'SIGKILL');
    let answer;
    for (let i = 0; i < 100 && !answer; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      const response = await ask(node, place.key).catch(() => null);
      if (response?.status === 200) answer = await response.json();
    }
    assert.ok(answer, `answers again after the ${room} fell`);
    assert.equal(verify(place, answer).status, 0);
    assert.notEqual(roomNamed(node.child.pid, room), before);
  }
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  place.remove();
});
