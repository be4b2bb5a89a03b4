// A detector that cannot work closes the node to what it would have judged: 503, nothing runs, and
// the ledger says so. Missing, cut, of another kind, one bit changed.
import test from 'node:test';
import assert from 'node:assert/strict';
import { cpSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configure, init, serve, verify } from './node.mjs';
import { upstream } from './upstream.mjs';

const committed = new URL('../../detectors/', import.meta.url).pathname;
const policy = (url) => `format: 1
name: detectors
home: JP
unknown: node
classes:
  contact: {detect: [jp.address, email], reach: country}
  open: {detect: [], reach: country}
places:
  - {id: there, country: JP, operator: X, operator_home: JP, processing: single-region, url: "${url}", addresses: ["127.0.0.1"],
     contract: C, contract_until: 2099-01-01, models: [m]}
tenants:
  - {id: default, label: [open], labels: [open]}
routes:
  - {model: away, to: [{place: there, model: m}]}
`;
const flip = (path) => { const bytes = readFileSync(path); bytes[bytes.length >> 1] ^= 1; writeFileSync(path, bytes); };
const faults = {
  missing: (path) => rmSync(path),
  cut: (path) => truncateSync(path, 4096),
  empty: (path) => writeFileSync(path, ''),
  'one bit changed': flip,
  'another kind under its name': (path) => writeFileSync(path, readFileSync(path.replace('places', 'care'))),
};

async function ask(node, home, model) {
  const response = await fetch(`${node.url}/chat/completions`, {
    method: 'POST', headers: { authorization: `Bearer ${home.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, max_tokens: 3, messages: [{ role: 'user', content: '東京都千代田区霞が関1-2-3 は？' }] }),
  });
  return { response, body: await response.json() };
}

async function nodeWith(fault) {
  const there = await upstream(), home = init(), detectors = join(home.directory, 'detectors'), file = join(home.directory, 'policy.yaml');
  cpSync(committed, detectors, { recursive: true });
  fault?.(join(detectors, 'places.skdt'));
  writeFileSync(file, policy(there.url));
  configure(home, [[/^ +(# *)?policy: .*$/m, `  policy: "${file}"`], [/^ +(# *)?detectors: .*$/m, `  detectors: "${detectors}"`]]);
  const node = await serve(home);
  return { there, home, node, async stop() { await node.stop(); await there.stop(); home.remove(); } };
}

test('whole, they let both answer', async () => {
  const world = await nodeWith();
  assert.ok(readdirSync(committed).includes('places.skdt'));
  for (const model of ['away', 'sekisho-keigo']) assert.equal((await ask(world.node, world.home, model)).response.status, 200);
  assert.equal(world.there.requests.length, 1);
  await world.stop();
});

for (const [name, fault] of Object.entries(faults)) {
  test(`places.skdt ${name}: nothing is judged, so nothing runs`, async (t) => {
    const world = await nodeWith(fault);
    t.after(() => world.stop());
    const ready = await fetch(world.node.url.replace('/v1', '/readyz')), status = await ready.json();
    assert.deepEqual([ready.status, status.policy], [503, 'detectors']);
    assert.match(status.detectors, /(places|care)\.skdt/);
    for (const model of ['away', 'sekisho-keigo']) {
      const { response, body } = await ask(world.node, world.home, model);
      assert.deepEqual([response.status, body.error.code], [503, 'detector_unavailable'], body.error.message);
      assert.match(body.error.message, /^on_detector_error: .*(places|care)\.skdt/);
      const number = response.headers.get('sekisho-receipt');
      const receipt = await (await fetch(`${world.node.url}/receipts/${number}`, { headers: { authorization: `Bearer ${world.home.key}` } })).json();
      const open = JSON.parse(receipt.open.leaf);
      assert.deepEqual([open.verdict, open.rule, JSON.parse(receipt.close.leaf).outcome], ['block', 'on_detector_error', 'refused']);
      assert.equal(verify(world.home, receipt).status, 0);
    }
    assert.equal(world.there.requests.length, 0, 'nothing left');
  });
}
