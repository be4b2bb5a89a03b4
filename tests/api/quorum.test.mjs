// A node that asks its witnesses and requires them (`witness.required: "yes"`): two that do what they
// are told, on this machine's loopback. What a client, /readyz, /metrics and a receipt say while the
// quorum is there, while it is missing, and before it ever was.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { configure, init, sekisho, serve } from './node.mjs';
import { read } from './prometheus.mjs';
import { makeWitness } from './tlog.mjs';

// A witness that remembers a size; `does`: 'cosign'; 'wait': no answer; or a status that it answers.
async function witness(name) {
  const key = makeWitness(`witness.example/${name}`), waiting = new Set();
  const it = { name, vkey: key.vkey, does: 'cosign', size: 0, asked: 0, waiting };
  const server = http.createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    it.asked++;
    it.onask?.();
    const answer = (status, type, text) => response.writeHead(status, { 'content-type': type }).end(text);
    if (it.does === 'wait') return waiting.add(response);
    if (it.does !== 'cosign') return answer(it.does, 'text/plain', 'not now\n');
    const note = body.slice(body.indexOf('\n\n') + 2);
    if (Number(/^old (\d+)\n/.exec(body)[1]) !== it.size) return answer(409, 'text/x.tlog.size', `${it.size}\n`);
    it.size = Number(note.split('\n')[1]);
    return answer(200, 'text/plain; charset=utf-8', key.line(note));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  it.port = server.address().port;
  it.stop = () => { server.close(); server.closeAllConnections(); };
  return it;
}

const home = init(), a = await witness('a'), b = await witness('b');
const trust = join(home.directory, 'trust.policy');
const trusted = (names = ['a', 'b']) => writeFileSync(trust,
  `log ${home.vkey}\nwitness ${names[0]} ${a.vkey}\nwitness ${names[1]} ${b.vkey}\ngroup both all ${names.join(' ')}\nquorum both\n`);
trusted();
const place = ({ name, port }) => `
  - id: ${name}
    use: witness
    country: JP
    operator: "Example"
    operator_home: JP
    processing: single-region
    url: http://127.0.0.1:${port}/witness
    contract: "Witness-1"
    contract_until: 2099-12-31
    retention: none`;
const border = join(home.directory, 'border.yaml');
writeFileSync(border, `format: 1\nname: "quorum"\nhome: JP\npacks: [jp]\nplaces:${place(a)}${place(b)}\n`);
const reader = execFileSync(sekisho, ['key', 'metrics', '--metrics', '--config', home.config], { encoding: 'utf8' }).trim();
configure(home, [
  [/^border:\n(?:.*\n)*?  policy: .*$/m, `border:\n  policy: "${border}"`],
  [/^witness:\n(?:.*\n)*?  policy: .*$/m, `witness:\n  policy: "${trust}"`],
  [/^ +every_s: .*$/m, '  every_s: 1'],
  [/^ +required: .*$/m, '  required: "yes"']]);
let node;
test.after(async () => { await node?.stop(); a.stop(); b.stop(); home.remove(); });

const get = async (path, key = home.key) => {
  const response = await fetch(new URL(path, node.url), { headers: { authorization: `Bearer ${key}` } });
  return { status: response.status, text: await response.text() };
};
const ready = async () => { const { status, text } = await get('/readyz'); return { ...JSON.parse(text), status }; };
const ask = async () => {
  const response = await fetch(`${node.url}/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${home.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sekisho-keigo', messages: [{ role: 'user', content: 'はい' }], temperature: 0, max_tokens: 2 }) });
  return { status: response.status, body: await response.json() };
};
const until = async (what) => {
  for (;;) {
    const value = await what();
    if (value) return value;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
};
const signatures = ({ checkpoint }) => checkpoint.slice(checkpoint.lastIndexOf('\n\n') + 2).trim().split('\n').length;
const verified = (receipt) => {
  const file = join(home.directory, 'receipt.json');
  writeFileSync(file, JSON.stringify(receipt));
  try {
    return { status: 0, output: execFileSync(sekisho, ['verify', file, '--policy', trust], { encoding: 'utf8', stdio: 'pipe' }) };
  } catch (error) {
    return { status: error.status, output: `${error.stdout}${error.stderr}` };
  }
};
// The metrics of witnesses: { name: value }, or by witness { name: { a: …, b: … } }.
const metrics = async () => {
  const all = read((await get('/metrics', reader)).text), out = {};
  for (const [name, { samples }] of Object.entries(all)) {
    if (!name.startsWith('sekisho_witness')) continue;
    out[name] = samples[0].labels.witness === undefined ? samples[0].value
      : Object.fromEntries(samples.map(({ labels, value }) => [labels.witness, value]));
  }
  return out;
};
// A start that is to fail: what the node said when it ended.
const refused = async () => {
  const text = await serve(home).then(async (started) => `node ended with ${(await started.ended).code}:\n${started.log()}`, (error) => error.message);
  assert.match(text, /^node ended with 1:/);
  return text;
};

test('before a quorum answered nothing is ready, nothing is answered, and then the node ends', async () => {
  b.does = 'wait';
  const asked = new Promise((resolve) => { b.onask = resolve; });
  // Where this machine was busy for longer than the node waits it has ended before it said that it serves.
  const over = await serve(home).then(async (started) => {
    node = started;
    await asked;
    const [state, answer] = await Promise.allSettled([until(async () => { const now = await ready(); return now.witnesses && now; }), ask()]);
    if (state.status === 'fulfilled') {
      assert.equal(state.value.status, 503);
      assert.match(state.value.witnesses, /^asking: both \d of 2; missing: /);
    }
    if (answer.status === 'fulfilled') assert.equal(answer.value.status, 503, JSON.stringify(answer.value.body));
    return `node ended with ${(await started.ended).code}:\n${started.log()}`;
  }, (error) => error.message);
  assert.match(over, /^node ended with 1:[^]*no quorum says that this log is not an old copy \(witness\.required, docs\/witness\.md\)/);
  node = null;
  for (const response of b.waiting) response.destroy();
  b.onask = null;
});

test('with a quorum: ready, and a receipt that its witnesses have seen', async () => {
  b.does = 'cosign';
  node = await serve(home);
  const state = await until(async () => { const now = await ready(); return now.status === 200 && now; });
  assert.match(state.witnesses, /^cosigned: both 2 of 2/);
  const { status, body: { sekisho: { receipt } } } = await ask();
  assert.equal(status, 200);
  assert.equal(signatures(receipt), 1, 'of the moment');
  assert.equal(verified(receipt).status, 4);
  const covered = await until(async () => { const later = JSON.parse((await get(`/v1/receipts/${receipt.open.index}`)).text); return signatures(later) === 3 && later; });
  const { status: good, output } = verified(covered);
  assert.equal(good, 0, output);
});

test('each witness is in the metrics, and the quorum', async () => {
  const now = await until(async () => { const all = await metrics(); return all.sekisho_witness_quorum_leaves === a.size && all; });
  assert.deepEqual(now.sekisho_witness_up, { a: 1, b: 1 });
  assert.deepEqual(now.sekisho_witness_cosigned_leaves, { a: a.size, b: b.size });
  for (const time of [...Object.values(now.sekisho_witness_cosigned_timestamp_seconds), now.sekisho_witness_quorum_timestamp_seconds])
    assert.ok(Math.abs(time - Date.now() / 1000) < 3600);
  assert.equal(now.sekisho_witness_quorum, 1);
  for (const one of ['a', 'b'])
    assert.ok(now.sekisho_witness_rounds_total[one] > now.sekisho_witness_failures_total[one]);
});

test('a quorum that is lost stops nobody who runs, and is told', async () => {
  b.does = 500;
  const { status, body: { sekisho: { receipt } } } = await ask();
  assert.equal(status, 200);
  const state = await until(async () => { const now = await ready(); return now.witnesses === 'not cosigned: both 1 of 2; missing: b' && now; });
  assert.equal(state.status, 200);
  assert.match(node.log(), /witness name=b failed="/);
  const now = await metrics();
  assert.deepEqual(now.sekisho_witness_up, { a: 1, b: 0 });
  assert.equal(now.sekisho_witness_quorum, 0);
  assert.ok(now.sekisho_witness_failures_total.b >= 1);
  assert.ok(now.sekisho_witness_cosigned_leaves.a > now.sekisho_witness_cosigned_leaves.b);
  assert.ok(now.sekisho_witness_quorum_leaves <= now.sekisho_witness_cosigned_leaves.b);
  const alone = JSON.parse((await get(`/v1/receipts/${receipt.open.index}`)).text);
  assert.equal(signatures(alone), 1, 'the one that a quorum saw is older than this request');
  const { status: few, output } = verified(alone);
  assert.equal(few, 4, output);
  b.does = 'cosign';
  await until(async () => signatures(JSON.parse((await get(`/v1/receipts/${receipt.open.index}`)).text)) === 3);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
});

test('a witness that has seen another log of this name: the node signs nothing, and says how to go on', async () => {
  b.does = 422;
  assert.match(await refused(),
    /witness b has cosigned another log of this name than these \d+ leaves: this is an old copy, or a fork, and signs nothing\. Put the whole log back, or go on in a new one: sekisho ledger restore/);
  b.does = 'cosign';
});

test('doctor says when the policy would not do for an auditor, and which line is missing', () => {
  const doctor = () => {
    try {
      return execFileSync(sekisho, ['doctor', '--config', home.config], { encoding: 'utf8', stdio: 'pipe' });
    } catch (error) {
      return error.stdout;
    }
  };
  const whole = readFileSync(trust, 'utf8');
  assert.ok(!/witness policy/.test(doctor()));
  writeFileSync(trust, whole.replace(/^log .*\n/, ''));
  const told = doctor();
  assert.match(told, /^ +look +witness policy .*does not name this log\. Add the line: log \S+$/m);
  assert.match(told, /^ +ok +witnesses +\d+ leaves cosigned \d+ s ago: both 2 of 2/m, 'the node knows its own key');
  assert.equal(`${/Add the line: (.*)/.exec(told)[1]}\n${readFileSync(trust, 'utf8')}`, whole);
  writeFileSync(trust, whole.replace('both all', 'both 3'));
  assert.match(doctor(), /^ +FAIL +witnesses +policy line 4: /m);
  writeFileSync(trust, whole);
  const published = join(home.directory, 'data/ledger/published'), kept = readFileSync(published);
  rmSync(published);
  assert.match(doctor(), /^ +look +witnesses +no quorum of 2 cosigned this log yet$/m);
  writeFileSync(published, kept);
});

test('a witness whose name no place can have is refused by name', async () => {
  trusted(['a', 'b'.repeat(65)]);
  assert.match(await refused(), new RegExp(`witness\\.policy: witness ${'b'.repeat(65)}: a place's name has 64 bytes at most`));
  trusted();
});
