// Three real nodes, each in a network of its own behind TLS, witness each other; two of three are a
// quorum. A fork with the log's own key gets no cosignature and is named; a node that was restored from
// an older backup signs nothing, until it goes on in a log of another name.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { configure, init, sekisho, serve } from './node.mjs';
import { makeLog, originHex } from './tlog.mjs';
import { certificate } from './upstream.mjs';

const mock = new URL('upstream.mjs', import.meta.url).pathname;
const children = new Set();
process.on('exit', () => { for (const child of children) child.kill('SIGKILL'); });
const run = (args, input = '', env = {}) => {
  try {
    const options = { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } };
    return { status: 0, output: execFileSync(sekisho, args, options) };
  } catch (error) {
    return { status: error.status, output: `${error.stdout}${error.stderr}` };
  }
};
const until = async (what) => {
  for (;;) {
    const value = await what().catch(() => null);
    if (value) return value;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
};

// ---- the world: the two places of border_world.sh and this side, each with a way to the others ----

const ip = (...args) => execFileSync('ip', args);
writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
const nodes = {
  jp: { host: '10.81.1.2', namespace: 'in-country', gateway: '10.81.1.1' },
  eu: { host: '10.81.2.2', namespace: 'abroad', gateway: '10.81.2.1' },
  hub: { host: '10.81.1.1' },
};
const everyone = Object.entries(nodes);
const within = (one) => (one.namespace ? ['nsenter', `--net=/run/netns/${one.namespace}`] : ['env']);

for (const [name, one] of everyone) {
  if (one.namespace) ip('-n', one.namespace, 'route', 'add', 'default', 'via', one.gateway);
  one.home = init(['--node', `example.jp/${name}`]);
  one.card = certificate(one.home.directory, name, { hosts: [one.host] });
  one.log = `example.jp/${name}`;
  one.witness = run(['key', 'show', '--config', one.home.config]).output.match(/^witness +(\S+)$/m)[1];
  const wrapper = join(one.home.directory, 'sekisho');
  writeFileSync(wrapper, `#!/bin/sh\nexec ${within(one).join(' ')} '${sekisho}' "$@"\n`);
  chmodSync(wrapper, 0o755);
  one.program = { sekisho: wrapper, options: {} };
}

const trust = join(nodes.hub.home.directory, 'trust.policy'); // of an auditor, and of each node
writeFileSync(trust, `${everyone.map(([, one]) => `log ${one.home.vkey}\n`).join('')}${everyone.map(([name, one]) =>
  `witness ${name} ${one.witness}\n`).join('')}group two 2 ${everyone.map(([name]) => name).join(' ')}\nquorum two\n`);

const place = ([name, { host, card }]) => `
  - id: ${name}
    use: witness
    country: JP
    operator: "Example"
    operator_home: JP
    processing: single-region
    url: https://${host}:8443/witness
    addresses: ["${host}"]
    spki_sha256: ["${card.pin}"]
    ca: pin-only
    contract: "Witness-1"
    contract_until: ${new Date(Date.now() + 90 * 86400e3).toISOString().slice(0, 10)}
    retention: none`;
for (const [, one] of everyone) {
  const border = join(one.home.directory, 'border.yaml');
  writeFileSync(border, `format: 1\nname: "world"\nhome: JP\npacks: [jp]\nplaces:${everyone.map(place).join('')}\n`);
  configure(one.home, [
    [/^border:\n(?:.*\n)*?  policy: .*$/m, `border:\n  policy: "${border}"`],
    [/^witness:\n(?:.*\n)*?  policy: .*$/m, `witness:\n  policy: "${trust}"`],
    [/^ +every_s: .*$/m, '  every_s: 1'],
    [/^ +logs: .*$/m, `  logs: [${everyone.map(([, other]) => `"${other.home.vkey}"`).join(', ')}]`]]);
}

async function start(one) {
  one.node = await serve(one.home, {}, one.program);
  const options = { host: one.host, port: 8443,
    cert: one.card.certPath, key: one.card.keyPath, log: join(one.home.directory, 'front.log'), forward: new URL(one.node.url).origin };
  const [command, ...args] = [...within(one), process.execPath, mock, JSON.stringify(options)];
  one.front = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(one.front);
  await new Promise((resolve, reject) => { one.front.stdout.once('data', resolve); one.front.once('exit', () => reject(new Error('no front'))); });
}
async function stop(one) {
  const gone = new Promise((resolve) => { one.front.once('exit', resolve); });
  one.front.kill('SIGTERM');
  await gone;
  children.delete(one.front);
  return await one.node.stop();
}
test.after(async () => {
  for (const [, one] of everyone) {
    if (children.has(one.front)) await stop(one);
    one.home.remove();
  }
});

const http = (one, path, options = []) => {
  const answer = execFileSync('curl', ['-sk', '-m', '20', '-w', '\n%{http_code}', ...options, `https://${one.host}:8443${path}`], { encoding: 'utf8' });
  const cut = answer.lastIndexOf('\n');
  return { status: Number(answer.slice(cut + 1)), text: answer.slice(0, cut) };
};
const checkpoint = (one) => http(one, '/ledger/checkpoint').text;
const sizeOf = (note) => Number(note.split('\n')[1]);
const lines = (note) => note.slice(note.lastIndexOf('\n\n') + 2).trim().split('\n').length;
const cosigned = (one) => until(async () => lines(checkpoint(one)) >= 3 && checkpoint(one));
const ask = (one) => JSON.parse(http(one, '/v1/chat/completions', ['-H', `Authorization: Bearer ${one.home.key}`, '-H', 'Content-Type: application/json',
  '-d', JSON.stringify({ model: 'sekisho-keigo', messages: [{ role: 'user', content: 'はい' }], temperature: 0, max_tokens: 2 })]).text);

// ---- what is shown ----

for (const [, one] of everyone) await start(one);

test('each log is cosigned by two of three, in receipts too', async () => {
  for (const [, one] of everyone) await cosigned(one);
  const { sekisho: { receipt } } = ask(nodes.jp);
  const covered = await until(async () => {
    const later = JSON.parse(http(nodes.jp, `/v1/receipts/${receipt.open.index}`, ['-H', `Authorization: Bearer ${nodes.jp.home.key}`]).text);
    return lines(later.checkpoint) >= 3 && later;
  });
  const file = join(nodes.jp.home.directory, 'receipt.json');
  writeFileSync(file, JSON.stringify(covered));
  const { status, output } = run(['verify', file, '--policy', trust]);
  assert.equal(status, 0, output);
  writeFileSync(file, JSON.stringify(receipt));
  assert.equal(run(['verify', file, '--policy', trust]).status, 4, 'of the moment: no witness saw it yet');
  assert.match(run(['doctor', '--config', nodes.jp.home.config]).output, /^ *ok +witnesses +\d+ leaves cosigned \d+ s ago: /m);
  assert.match(http(nodes.jp, '/readyz').text, /"witnesses":"cosigned: /);
});

test('a fork with the same key is refused by each witness, and named', async () => {
  const note = await cosigned(nodes.jp), size = sizeOf(note);
  const hashes = execFileSync('curl', ['-sk', `https://10.81.1.2:8443/ledger/tile/0/000.p/${size}`]);
  const fork = makeLog(nodes.jp.log, readFileSync(join(nodes.jp.home.directory, 'data/keys/log.skey'), 'utf8'));
  for (let at = 0; at < size; at++) fork.leaves.push(hashes.subarray(32 * at, 32 * at + 32));
  assert.equal(note.split('\n')[2], fork.note().split('\n')[2], 'until here it is the log');
  fork.leaves.pop();
  fork.add('what was never said', 'nor this', 'nor that');
  const file = join(nodes.hub.home.directory, 'fork.checkpoint');
  for (const [name, one] of everyone) {
    const seen = sizeOf(http(one, `/witness/${originHex(nodes.jp.log)}/checkpoint`).text);
    writeFileSync(file, fork.request(seen, Math.max(seen, fork.leaves.length)));
    const refused = http(one, '/witness/add-checkpoint', ['--data-binary', `@${file}`]);
    assert.ok([409, 422].includes(refused.status), `${name}: ${refused.status} ${refused.text}`);
  }
  writeFileSync(file, fork.note(size));
  const named = run(['verify', 'https://10.81.1.2:8443', '--policy', trust, '--pin', nodes.jp.card.pin, '--ca', nodes.jp.card.certPath, '--hashes', file]);
  assert.equal(named.status, 3, named.output);
  assert.match(named.output, /it is forked/);
});

test('what is exported meets the quorum without a network', async () => {
  const { home } = nodes.jp, out = join(home.directory, 'out');
  for (const asked of [0, 1, 3]) { // what witnesses saw may be older than the log
    for (let i = 0; i < asked; i++) ask(nodes.jp);
    const exported = run(['ledger', 'export', out, '--config', home.config]);
    assert.equal(exported.status, 0, exported.output);
    assert.match(exported.output, /witnesses cosigned the first \d+$/m);
    const note = readFileSync(join(out, 'checkpoint.witnessed'), 'utf8');
    assert.ok(lines(note) >= 3);
    for (const words of [['verify', out, '--json'], ['audit', out, '--format', 'json'], ['audit', join(home.directory, 'data'), '--format', 'json']]) {
      const done = run([...words, '--policy', trust]);
      assert.equal(done.status, 0, done.output);
      const report = JSON.parse(done.output).log?.checkpoint ? JSON.parse(done.output).log : JSON.parse(done.output);
      assert.equal(report.checkpoint.quorum, true);
      assert.ok(report.checkpoint.size >= sizeOf(note));
    }
  }
});

test('one witness less is a quorum still', async () => {
  await stop(nodes.eu);
  const before = sizeOf(checkpoint(nodes.jp));
  ask(nodes.jp);
  const note = await until(async () => { const now = checkpoint(nodes.jp); return sizeOf(now) > before && lines(now) >= 3 && now; });
  assert.ok(!note.includes(' example.jp/eu/witness '));
  await start(nodes.eu);
});

// It may end before it says that it serves.
const startFails = async (one) => {
  const ended = await serve(one.home, {}, one.program).then(
    async (node) => `node ended with ${(await node.ended).code}:\n${node.log()}`, (error) => error.message);
  assert.match(ended, /^node ended with 1:/);
  return ended;
};

test('a node restored from an older backup signs nothing, and goes on in another log', async () => {
  const { home } = nodes.jp, data = join(home.directory, 'data'), backup = join(home.directory, 'backup');
  await stop(nodes.jp);
  cpSync(data, backup, { recursive: true });
  await start(nodes.jp);
  const leaves = Number([...nodes.jp.node.log().matchAll(/ ledger log size=(\d+)/g)].at(-1)[1]); // the backup's
  ask(nodes.jp);
  const witnessed = await until(async () => {
    const kept = http(nodes.eu, `/witness/${originHex(nodes.jp.log)}/checkpoint`).text;
    return sizeOf(kept) > leaves && kept;
  });
  await stop(nodes.jp);
  const old = () => { rmSync(data, { recursive: true }); cpSync(backup, data, { recursive: true }); };
  // It grew where nobody asked the witnesses: as long as what they saw, and not the same (422).
  old();
  configure(home, [[/^ +policy: ".*trust\.policy"$/m, '  policy: ""']]);
  await start(nodes.jp);
  while (sizeOf(checkpoint(nodes.jp)) <= sizeOf(witnessed)) ask(nodes.jp);
  await stop(nodes.jp);
  configure(home, [[/^witness:\n  policy: ""$/m, `witness:\n  policy: "${trust}"`]]);
  assert.match(await startFails(nodes.jp),
    /witness \w+ has cosigned another log of this name than these \d+ leaves: this is an old copy, or a fork.*sekisho ledger restore/);
  old(); // it is shorter than what they saw (409)
  assert.match(await startFails(nodes.jp), /witness \w+ has cosigned \d+ leaves of this log, and here are \d+: this is an old copy.*sekisho ledger restore/);
  const file = join(home.directory, 'last.checkpoint');
  const linkless = { LD_PRELOAD: join(dirname(sekisho), 'tests/fault/disk_shim.so'), DISK_PLAN: 'link EPERM 1 ever' };
  const restore = (...more) => run(['ledger', 'restore', '--config', home.config, '--reason', 'disk lost, backup of yesterday', ...more], '', linkless);
  writeFileSync(file, makeLog(nodes.jp.log).add('x').note());
  assert.equal(restore('--checkpoint', file).status, 1, 'another log\'s');
  assert.equal(restore().status, 2);
  // Signed by the log; the line beside it is nobody's, or a witness's that does not fit.
  const cosigned = witnessed.split('\n'), own = cosigned.slice(0, -2).join('\n');
  const forged = Buffer.from(cosigned.at(-2).split(' ')[2], 'base64');
  const refuse = (line, why) => {
    writeFileSync(file, `${own}\n${line}\n`);
    const refused = restore('--checkpoint', file);
    assert.equal(refused.status, 1, refused.output);
    assert.match(refused.output, why);
  };
  refuse(cosigned.at(-2).replace(' example.jp/eu/', ' example.jp/ee/'), /no witness of \S+ cosigned it/);
  refuse(cosigned.at(-3), /no witness of \S+ cosigned it/);
  for (const at of [4, 11, 12, 75]) { // its time, its signature
    const bad = Buffer.from(forged);
    bad[at] ^= 1;
    refuse(`— example.jp/eu/witness ${bad.toString('base64')}`, /witness eu: /);
  }
  writeFileSync(file, witnessed);
  const { status, output } = restore('--checkpoint', file);
  assert.equal(status, 0, output);
  assert.match(output, /^log +example\.jp\/jp\/2$/m);
  // Its witnesses do not know the new log yet: it starts, and says so.
  nodes.jp.node = await serve(home, {}, nodes.jp.program);
  await until(async () => /started without a quorum/.test(nodes.jp.node.log()));
  assert.deepEqual(await nodes.jp.node.stop(), { code: 0, signal: null });
  const log = readFileSync(join(data, 'ledger/log.000000'), 'utf8');
  assert.ok(log.includes('"cause":"restored"') && log.includes('disk lost, backup of yesterday'));
  assert.ok(log.includes(JSON.stringify(witnessed).slice(1, 40)));
});
