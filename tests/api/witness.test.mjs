// A node as a witness of others' logs (C2SP tlog-witness): statuses, bodies, and what it never forgets.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configure, init, sekisho, serve } from './node.mjs';
import { cosigned, makeLog, originHex } from './tlog.mjs';

const log = makeLog('log.example/a').add('one', 'two', 'three', 'four', 'five');
const other = makeLog('log.example/b').add('one');
const home = init();
const logs = (...list) => configure(home, [[/^ +logs: .*$/m, `  logs: [${list.map((one) => `"${one.vkey}"`).join(', ')}]`]]);
logs(log);
const key = execFileSync(sekisho, ['key', 'show', '--config', home.config], { encoding: 'utf8' }).match(/^witness +(\S+)$/m)[1];
let node = await serve(home);
test.after(async () => { await node.stop(); home.remove(); });

const base = () => new URL('/witness/', node.url).href;
const add = async (body) => {
  const response = await fetch(`${base()}add-checkpoint`, { method: 'POST', body });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
};
const last = async (name) => {
  const response = await fetch(`${base()}${originHex(name)}/checkpoint`);
  return { status: response.status, text: await response.text() };
};

test('its key is made beside the log\'s, called NODE/witness', () => {
  assert.match(key, /^test\.invalid\/api\/witness\+[0-9a-f]{8}\+B/);
  assert.equal(statSync(join(home.directory, 'data/keys/witness.skey')).mode & 0o7777, 0o400);
});

test('statuses of add-checkpoint, each with its body', async () => {
  assert.equal((await last(log.name)).status, 404);
  for (const body of ['', 'old\n', 'old 01\n\n', log.request(0).replace('\n\n', '\n')]) assert.equal((await add(body)).status, 400, body);
  assert.equal((await add('x'.repeat(70000))).status, 413);
  assert.equal((await add(other.request(0))).status, 404);
  assert.equal((await add(makeLog(log.name).add('one').request(0))).status, 403);
  assert.equal((await add(log.request(0, 3).replace('old 0', 'old 4'))).status, 400);
  assert.deepEqual(await add(log.request(2, 3)), { status: 409, type: 'text/x.tlog.size', text: '0\n' });
  assert.equal((await add(log.request(0, 3).replace('old 0\n', `old 0\n${Buffer.alloc(32).toString('base64')}\n`))).status, 422);
  const granted = await add(log.request(0, 3));
  assert.equal(granted.status, 200);
  assert.match(granted.type, /^text\/plain/);
  assert.ok(Math.abs(cosigned(log.note(3), granted.text, key) - Date.now() / 1000) < 3600);
  assert.equal((await last(log.name)).text, log.note(3) + granted.text);
  assert.deepEqual(await add(log.request(0, 5)), { status: 409, type: 'text/x.tlog.size', text: '3\n' });
  assert.deepEqual(await add(log.request(3, 3)), { ...granted });
  assert.equal((await add(log.request(3, 5).replace(/^(old 3\n)./, '$1/'))).status, 422);
  assert.equal((await add(log.request(3, 5))).status, 200);
});

test('what it cosigned outlives a kill; a fork is refused', async () => {
  const before = await last(log.name);
  node.child.kill('SIGKILL');
  await node.ended;
  node = await serve(home);
  assert.deepEqual(await last(log.name), before);
  assert.deepEqual(await add(log.request(3, 5)), { status: 409, type: 'text/x.tlog.size', text: '5\n' });
  assert.equal((await add(log.request(5, 5, log.note(5, log.leaves[0])))).status, 422);
  assert.deepEqual(await last(log.name), before);
});

test('logs come and go with a reload; what was cosigned stays', async () => {
  logs(log, other);
  node.child.kill('SIGHUP');
  for (;;) {
    const told = await add(other.request(0));
    if (told.status === 200) break;
    assert.equal(told.status, 404);
  }
  logs(other);
  node.child.kill('SIGHUP');
  while ((await add(log.request(5, 5))).status !== 404);
  assert.equal((await last(log.name)).status, 200);
  for (const name of ['x', originHex('a').toUpperCase().slice(1), '../released', `${originHex('a')}0`])
    assert.equal((await fetch(`${base()}${name}/checkpoint`)).status, 404, name);
  assert.equal((await fetch(`${base()}add-checkpoint`)).status, 405);
});

test('what is kept and damaged is not written over', async () => {
  await node.stop();
  const file = join(home.directory, 'data/ledger', `witness.${originHex(other.name)}`);
  writeFileSync(file, readFileSync(file, 'utf8').replace('\n1\n', '\n7\n'));
  node = await serve(home);
  assert.equal((await add(other.add('two').request(1))).status, 500);
  await node.stop();
  rmSync(file);
  node = await serve(home);
  assert.equal((await add(other.request(0))).status, 200);
});

test('a configuration that names what is no log', () => {
  for (const [vkey, why] of [[key, /is the key of a witness, not of a log/], ['x', /verifier key: not/]]) {
    const bad = init();
    configure(bad, [[/^ +logs: .*$/m, `  logs: ["${vkey}"]`]]);
    assert.throws(() => execFileSync(sekisho, ['config', 'check', '--config', bad.config], { stdio: 'pipe' }),
      (error) => why.test(error.stderr.toString()) && /witness\.logs/.test(error.stderr.toString()));
    bad.remove();
  }
});
