// Ways out of a real node: places appear, change and go with a reload; credentials; what a place
// is told, and what is left of it when its files are missing. The rooms alone: tests/ways.
import test from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configure, init, sekisho, serve } from './node.mjs';
import { certificate, upstream } from './upstream.mjs';

const KEY = 'sk-of-this-place';
const home = init();
const authority = certificate(home.directory, 'authority');
const card = certificate(home.directory, 'here', { ca: authority });
const there = { one: await upstream({ kind: 'openai', card }), two: await upstream({ kind: 'anthropic', card }) };
test.after(async () => {
  for (const place of Object.values(there)) await place.stop();
  home.remove();
});
const keys = join(home.directory, 'data', 'keys', 'places');

const place = (id, { kind, port, pin }, more = '') => `
  - {id: ${id}, country: JP, operator: Example, operator_home: JP, processing: single-region, kind: ${kind},
     url: "https://127.0.0.1:${port}/v1/", addresses: ["127.0.0.1"], spki_sha256: ["${pin}"], ca: authority.crt,
     contract: C-1, contract_until: 2999-12-31, retention: none, models: [m]${more}}`;
const one = (more) => place('one', { kind: 'openai', port: there.one.port, pin: card.pin }, more);
const two = (more) => place('two', { kind: 'anthropic', port: there.two.port, pin: card.pin }, more);
const policyFile = join(home.directory, 'policy.yaml');
const policy = (...places) => {
  const routes = places.length ? `
routes:${places.map((text) => text.match(/id: (\w+)/)[1]).map((id) => `
  - {model: ${id}, to: [{place: ${id}, model: m}]}`).join('')}` : '';
  writeFileSync(policyFile, `format: 1
name: ways
home: JP
classes:
  public: {reach: world}
tenants:
  - {id: default, label: [public], labels: [public]}
${places.length ? `places:${places.join('')}` : ''}${routes}
`);
};
configure(home, [[/^ +(# *)?policy: .*$/m, `  policy: "${policyFile}"`]]);

const ask = async (node, model, text = 'こんにちは') => {
  const response = await fetch(`${node.url}/chat/completions`, { method: 'POST',
    headers: { authorization: `Bearer ${home.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, max_tokens: 20, messages: [{ role: 'user', content: text }] }) });
  const json = await response.json();
  return { status: response.status, json, text: json.choices?.[0]?.message.content, error: json.error };
};
// Which rooms run under it.
const rooms = (node) => readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).flatMap((pid) => {
  try {
    const parent = /^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1];
    return parent === String(node.child.pid) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)] : [];
  } catch { return []; }
});
const room = (node, name) => rooms(node).find((words) => words[0] === name);
async function reload(node, done) {
  process.kill(node.child.pid, 'SIGHUP');
  for (;;) {
    if (await done()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('places come, change and go with a reload, and what asks meanwhile is answered', async () => {
  policy();
  const node = await serve(home);
  try {
    assert.equal(room(node, 'ferry'), undefined, 'without a place there is no way out');
    assert.equal((await ask(node, 'one')).status, 404);
    policy(one());
    await reload(node, async () => (await ask(node, 'one')).status === 200);
    assert.deepEqual(room(node, 'dial'), ['dial', String(there.one.port)]);
    const answer = await ask(node, 'one', 'そのまま');
    assert.equal(answer.text, 'そのまま');
    const request = there.one.requests.at(-1);
    assert.equal(request.path, '/v1/chat/completions');
    assert.equal(request.headers.authorization, undefined);
    policy(one(), two()); // another port: another dial
    await reload(node, async () => (await ask(node, 'two')).status === 200);
    assert.equal((await ask(node, 'two')).text, 'こんにちは');
    assert.equal(there.two.requests.at(-1).path, '/v1/messages');
    assert.equal(room(node, 'dial').length, 3);
    assert.equal((await ask(node, 'one')).status, 200);
    policy(two());
    await reload(node, async () => (await ask(node, 'one')).status === 404);
    assert.equal((await ask(node, 'two')).status, 200);
    assert.deepEqual(room(node, 'dial'), ['dial', String(there.two.port)]);
    policy();
    await reload(node, async () => (await ask(node, 'two')).status === 404);
    assert.equal((await ask(node, 'sekisho-keigo')).status, 200);
  } finally {
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
  }
});

// What is kept of a place's credential, by the command.
function keep(name, text, status = 0) {
  const done = spawnSync(sekisho, ['place', 'key', name, '--config', home.config], { input: text, encoding: 'utf8' });
  assert.equal(done.status, status, done.stderr);
  assert.ok(!text.trim() || !`${done.stdout}${done.stderr}`.includes(text.trim()), 'the credential is shown');
}

test('a credential is read from its file, if nobody else can read it', async () => {
  keep('one-key', `${KEY}\n`);
  policy(one(', credential: one-key'), two(', credential: two-key'));
  const node = await serve(home);
  try {
    assert.equal((await ask(node, 'one')).status, 200);
    assert.equal(there.one.requests.at(-1).headers.authorization, `Bearer ${KEY}`);
    const missing = await ask(node, 'two');
    assert.notEqual(missing.status, 200);
    assert.ok(node.log().includes('id=two unusable='), 'the log says which place and why');
    const doctor = spawnSync(sekisho, ['doctor', '--config', home.config], { encoding: 'utf8' }).stdout;
    assert.match(doctor, /place +two: .*two-key: No such file/);
    writeFileSync(join(keys, 'two-key'), `${KEY}2`, { mode: 0o644 });
    process.kill(node.child.pid, 'SIGHUP');
    assert.notEqual((await ask(node, 'two')).status, 200);
    keep('two-key', `${KEY}2`);
    assert.equal(statSync(join(keys, 'two-key')).mode & 0o777, 0o400);
    await reload(node, async () => (await ask(node, 'two')).status === 200);
    assert.equal(there.two.requests.at(-1).headers['x-api-key'], `${KEY}2`);
    for (const secret of [KEY, `${KEY}2`]) assert.ok(!node.log().includes(secret), 'a credential is in the log');
  } finally {
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
  }
});

test('what is no credential is not kept', () => {
  for (const [name, text, status] of [['a', '', 1], ['a', 'two words\n', 1], ['a', `${'x'.repeat(3000)}\n`, 1],
    ['../a', 'secret-of-a-place\n', 2], ['.a', 'secret-of-a-place\n', 2], ['a', 'caf\u00e9\n', 1]]) keep(name, text, status);
});

test('ferry and dial are replaced when they fall', async () => {
  policy(one());
  const node = await serve(home);
  const pid = (name) => readdirSync('/proc').find((it) => {
    try {
      return /^\d+$/.test(it) && readFileSync(`/proc/${it}/cmdline`, 'utf8').split('\0')[0] === name &&
        readFileSync(`/proc/${it}/status`, 'utf8').includes(`PPid:\t${node.child.pid}\n`);
    } catch { return false; }
  });
  try {
    assert.equal((await ask(node, 'one')).status, 200);
    for (const name of ['dial', 'ferry']) {
      const before = pid(name);
      process.kill(Number(before), 'SIGKILL');
      for (;;) {
        const now = pid(name);
        if (now && now !== before && (await ask(node, 'one')).status === 200) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  } finally {
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
  }
});
