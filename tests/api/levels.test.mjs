// The level of a node: fortress where root starts it; a layer that is taken away at run time lowers
// it within one round, on record and in receipts; below what is configured the node stops.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asUser, configure, hooked, init, serve, verify } from './node.mjs';

const root = process.getuid() === 0;
const unhook = process.env.UNHOOK;

const status = async (node) => (await fetch(node.url.replace('/v1', '/readyz'))).json();
const level = async (node) => (await status(node)).isolation;

async function ask(place, node) {
  const response = await fetch(`${node.url}/chat/completions`, {
    method: 'POST', headers: { authorization: `Bearer ${place.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sekisho-keigo', max_tokens: 1, messages: [{ role: 'user', content: 'はい' }] }),
  });
  assert.equal(response.status, 200);
  const answer = await response.json();
  return { answer, isolation: JSON.parse(answer.sekisho.receipt.open.leaf).isolation };
}

// The levels the ledger names, each once while it lasts.
function recorded(place) {
  const log = readFileSync(join(place.directory, 'data/ledger/log.000000'), 'latin1');
  const levels = [...log.matchAll(/\{"isolation":"(\w+)","report":"([^"]*)"/g)];
  return levels.filter(([, name], i) => i === 0 || levels[i - 1][1] !== name);
}

// A node of root's that reached fortress; null, with the reason counted, where this machine has less.
async function fortress(t, pairs = [], policy = '') {
  if (!root || !unhook) return t.skip('fortress needs root, libnftables and libbpf'), null;
  const place = init();
  const file = join(place.directory, 'policy.yaml');
  if (policy) pairs.push([/policy: ""/, `policy: "${file}"`]);
  writeFileSync(file, policy);
  configure(place, [[/probe_s: \d+/, 'probe_s: 1'], ...pairs]);
  const node = await serve(place);
  const reached = await level(node) === 'fortress';
  while (!recorded(place).length) await new Promise((resolve) => setTimeout(resolve, 20)); // known before it is written
  if (reached) return { place, node };
  t.skip(recorded(place)[0][2]);
  await node.stop();
  place.remove();
  return null;
}

test('hooks that are detached lower the level, on record, until they are back', { timeout: 120_000 }, async (t) => {
  const up = await fortress(t);
  if (!up) return;
  const { place, node } = up;
  assert.equal((await ask(place, node)).isolation, 'fortress');
  assert.equal((await status(node)).isolation_parts,
    'gate=walled border=walled engine=walled ledger=walled nftables=held bpf=held');
  // A round puts them up again: they are taken away until a request meets the lower level.
  let met;
  while (met?.isolation !== 'walled') {
    spawnSync(unhook, [hooked(place)]);
    met = await ask(place, node);
  }
  assert.equal(verify(place, met.answer).status, 0);
  while (await level(node) !== 'fortress') await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  const names = recorded(place);
  assert.deepEqual(names.slice(0, 3).map((row) => row[1]), ['fortress', 'walled', 'fortress']);
  assert.match(names[1][2], /^nftables=held bpf=lost\(.* was detached\)/);
  assert.match(node.log(), /isolation was=fortress now=walled/);
  assert.match(node.log(), /isolation was=walled now=fortress/);
  assert.equal(existsSync(hooked(place)), false, 'nothing is left of the cgroup');
  place.remove();
});

test('nobody but the node takes its table away', async (t) => {
  const up = await fortress(t);
  if (!up) return;
  const { place, node } = up;
  const name = hooked(place).split('/').at(-2);
  const nft = (...words) => spawnSync('nft', words, { encoding: 'utf8' });
  if (nft('--version').status !== 0) t.skip('the nft command is not installed');
  else {
    assert.match(nft('list', 'table', 'inet', name).stdout, /counter refused/);
    assert.notEqual(nft('delete', 'table', 'inet', name).status, 0);
    assert.notEqual(nft('flush', 'chain', 'inet', name, 'rooms').status, 0);
  }
  process.kill(node.child.pid, 'SIGKILL');
  await node.ended;
  if (nft('--version').status === 0) assert.notEqual(nft('list', 'table', 'inet', name).status, 0, 'it died with the node');
  // What is left of the cgroup is the next node's.
  const again = await serve(place);
  assert.equal(await level(again), 'fortress');
  await again.stop();
  place.remove();
});

// A place abroad. Nothing is sent there.
const abroad = (address) => `format: 1
name: levels
home: JP
places:
  - id: lab
    country: DE
    operator: X
    operator_home: DE
    processing: single-region
    url: https://api.example.de/v1
    addresses: ["${address}"]
    spki_sha256: ["4pQ0mZk0d0y1p9i1cL9G3tZf3m0aJw2s7hV5yX8uN1E="]
    contract: SCC-1
    contract_until: 2099-12-31
    models: [m]
`;

test('the list is that of the policy, and changes with it', { timeout: 60_000 }, async (t) => {
  const up = await fortress(t, [], abroad('203.0.113.9'));
  if (!up) return;
  const { place, node } = up;
  const table = () => spawnSync('nft', ['list', 'table', 'inet', hooked(place).split('/').at(-2)], { encoding: 'utf8' }).stdout;
  assert.match(recorded(place)[0][2], /destinations=1 /);
  const shows = spawnSync('nft', ['--version']).status === 0;
  if (shows) assert.match(table(), /places4 \{[^}]*elements = \{ 203\.0\.113\.9 \. 443 \}/);
  writeFileSync(join(place.directory, 'policy.yaml'), abroad('2001:db8::9'));
  node.child.kill('SIGHUP');
  while (!/policy name="levels"[^]*policy name="levels"/.test(node.log()) || !/reload/.test(node.log()))
    await new Promise((resolve) => setTimeout(resolve, 20));
  if (shows) {
    assert.match(table(), /places6 \{[^}]*elements = \{ 2001:db8::9 \. 443 \}/);
    assert.doesNotMatch(table(), /203\.0\.113\.9/);
  }
  assert.equal(await level(node), 'fortress');
  // A policy that does not load changes nothing.
  writeFileSync(join(place.directory, 'policy.yaml'), 'format: 2');
  node.child.kill('SIGHUP');
  while (!/policy kept=old/.test(node.log())) await new Promise((resolve) => setTimeout(resolve, 20));
  if (shows) assert.match(table(), /2001:db8::9/);
  await node.stop();
  place.remove();
});

test('below what is configured the node stops, and the fall is on record', async (t) => {
  const up = await fortress(t, [[/isolation: "walled"/, 'isolation: "fortress"']]);
  if (!up) return;
  const { place, node } = up;
  execFileSync(unhook, [hooked(place)]);
  const { code } = await node.ended;
  assert.notEqual(code, 0);
  assert.match(node.log(), /isolation of the node is walled, below the configured fortress \(nftables=held bpf=lost/);
  assert.deepEqual(recorded(place).map((row) => row[1]), ['fortress', 'walled']);
  place.remove();
});

test('an ordinary user has no fortress', async () => {
  const user = asUser();
  const place = init([], user);
  configure(place, [[/isolation: "walled"/, 'isolation: "fortress"']]);
  await assert.rejects(serve(place, {}, user), /isolation of the node is walled, below the configured fortress \(nftables=absent\(not root\)/);
  place.remove();
  user.remove();
});
