// A class whose policy demands fortress: when a layer of it is taken away at run time the class
// stays on the node from that round on, by its rule, and goes out again when the layer is back.
// Runs inside border_world.sh, whose addresses are not loopback.
import test from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configure, hooked, init, serve, verify } from './node.mjs';
import { certificate, upstream } from './upstream.mjs';

const host = '10.81.2.1', unhook = process.env.UNHOOK;

const policy = (there) => `format: 1
name: levels
home: JP
classes:
  public: {reach: world, level: fortress}
  news: {reach: world}
places:
  - id: lab
    country: DE
    operator: Example
    operator_home: DE
    processing: single-region
    url: ${there.url}
    addresses: ["${host}"]
    spki_sha256: ["${there.pin}"]
    ca: pin-only
    contract: SCC-1
    contract_until: 2099-12-31
    models: [m]
tenants:
  - {id: default, label: [], labels: [public, news]}
routes:
  - {model: abroad, reach: listed, to: [{place: lab, model: m}]}
`;

async function ask(place, node, label) {
  const response = await fetch(`${node.url}/chat/completions`, {
    method: 'POST', headers: { authorization: `Bearer ${place.key}`, 'content-type': 'application/json', 'sekisho-label': label },
    body: JSON.stringify({ model: 'abroad', messages: [{ role: 'user', content: 'はい' }] }),
  });
  const answer = await response.json();
  const number = response.headers.get('sekisho-receipt');
  const receipt = await (await fetch(`${node.url}/receipts/${number}`, { headers: { authorization: `Bearer ${place.key}` } })).json();
  assert.equal(verify(place, receipt).status, 0);
  return { status: response.status, error: answer.error, open: JSON.parse(receipt.open.leaf) };
}

test('below its level a class stays, and only that class', { timeout: 120_000 }, async (t) => {
  if (!unhook) return t.skip('fortress needs libnftables and libbpf');
  const place = init();
  const there = await upstream({ host, card: certificate(place.directory, 'lab', { hosts: [host] }) });
  writeFileSync(join(place.directory, 'policy.yaml'), policy(there));
  configure(place, [[/probe_s: \d+/, 'probe_s: 1'], [/policy: ""/, `policy: "${join(place.directory, 'policy.yaml')}"`]]);
  const node = await serve(place);
  const first = await ask(place, node, 'public');
  if (first.open.isolation !== 'fortress') t.skip(`this machine gives ${first.open.isolation}`);
  else {
    assert.deepEqual([first.status, first.open.verdict, first.open.place], [200, 'send', 'lab'], first.error?.message);
    let met = first, sent;
    while (met.status === 200) {
      spawnSync(unhook, [hooked(place)]);
      sent = there.requests.length;
      met = await ask(place, node, 'public');
    }
    assert.deepEqual([met.status, met.error.code], [403, 'residency_local_only']);
    assert.deepEqual([met.open.isolation, met.open.rule, met.open.place], ['walled', 'class.public', 'lab']);
    assert.equal(there.requests.length, sent, 'nothing went out');
    assert.equal((await ask(place, node, 'news')).status, 200);
    while (met.status !== 200) met = await ask(place, node, 'public');
    assert.equal(met.open.isolation, 'fortress');
  }
  await node.stop();
  await there.stop();
  place.remove();
});
