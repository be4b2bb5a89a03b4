// The key that signs the log: where it stands, who may read it, how it is taken out, changed and
// closed.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, randomBytes, sign, verify as check } from 'node:crypto';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, readSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { configure, init, sekisho, serve, verify } from './node.mjs';

const run = (args, input = '') => {
  try {
    return { status: 0, output: execFileSync(sekisho, args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] }) };
  } catch (error) {
    return { status: error.status, output: `${error.stdout}${error.stderr}` };
  }
};
const key = (home, word, ...more) => run(['key', word, ...more, '--config', home.config]);
const file = (home, name) => join(home.directory, 'data/keys', name);
const ask = async (node) => (await (await fetch(`${node.url}/chat/completions`, {
  method: 'POST', headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ model: 'sekisho-keigo', messages: [{ role: 'user', content: 'はい' }], temperature: 0, max_tokens: 4 }),
})).json()).sekisho.receipt;

test('the key file: its owner alone may read it; another log\'s key is refused', async () => {
  const home = init(['--keyless']);
  assert.equal(statSync(file(home, 'log.skey')).mode & 0o7777, 0o400);
  for (const mode of [0o440, 0o404, 0o600, 0o500]) {
    chmodSync(file(home, 'log.skey'), mode);
    await assert.rejects(serve(home), new RegExp(`log\\.skey: its mode is ${mode.toString(8).padStart(4, '0')}, a signing key's 0400: chmod 0400 `));
    assert.match(run(['doctor', '--config', home.config]).output, /FAIL +signing key +\S+: its mode is/);
  }
  chmodSync(file(home, 'log.skey'), 0o400);
  configure(home, [[/node: "test.invalid\/api"/, 'node: "test.invalid/other"']]);
  await assert.rejects(serve(home), /the signing key is of the log test\.invalid\/api, and this node is test\.invalid\/other/);
  home.remove();
});

test('imports at the same time: one of them makes the key, the others are refused', async () => {
  const home = init(['--keyless']);
  rmSync(file(home, 'log.skey'));
  const seeds = Array.from({ length: 6 }, () => randomBytes(32).toString('hex'));
  const ends = await Promise.all(seeds.map((seed) => new Promise((resolve) => {
    const child = spawn(sekisho, ['key', 'import', '-', '--config', home.config], { stdio: ['pipe', 'ignore', 'ignore'] });
    child.on('exit', resolve);
    child.stdin.end(`${seed}\n`);
  })));
  assert.deepEqual(ends.toSorted(), [0, 1, 1, 1, 1, 1]);
  const seed = Buffer.from(key(home, 'export').output.trim().split('+').slice(4).join('+'), 'base64').subarray(1);
  assert.equal(seed.toString('hex'), seeds[ends.indexOf(0)]);
  assert.deepEqual(readdirSync(join(home.directory, 'data/keys')).filter((name) => name.endsWith('.new')), []);
  home.remove();
});

test('export and import; a credential of the service goes first', async () => {
  const home = init(['--keyless']), other = init(['--keyless']);
  const text = key(home, 'export').output;
  assert.match(text, /^PRIVATE\+KEY\+test\.invalid\/api\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}\n$/);
  assert.equal(text, readFileSync(file(home, 'log.skey'), 'utf8'));
  assert.equal(key(other, 'import', file(home, 'log.skey')).status, 1, 'nothing is overwritten');
  rmSync(file(other, 'log.skey'));
  assert.match(run(['key', 'import', '-', '--config', other.config], text).output, new RegExp(home.vkey.replace(/[+/.]/g, '\\$&')));
  assert.equal(readFileSync(file(other, 'log.vkey'), 'utf8').trim(), home.vkey);
  assert.equal(statSync(file(other, 'log.skey')).mode & 0o7777, 0o400);
  // The seed alone; and what is none.
  rmSync(file(other, 'log.skey'));
  const seed = Buffer.from(text.trim().split('+').slice(4).join('+'), 'base64').subarray(1);
  assert.equal(run(['key', 'import', '-', '--config', other.config], `${seed.toString('hex')}\n`).status, 0);
  assert.equal(key(other, 'export').output, text);
  for (const bad of ['', 'PRIVATE', text.replace('api', 'apI'), `${seed.toString('hex')}0`])
    assert.equal(run(['key', 'import', '-', '--config', other.config], bad).status, 1);
  // Its public half, as other tools take it.
  const pem = createPublicKey(key(home, 'show', '--pem').output);
  const secret = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]), format: 'der', type: 'pkcs8' });
  assert.ok(check(null, Buffer.from('x'), pem, sign(null, Buffer.from('x'), secret)));
  const credentials = join(other.directory, 'credentials');
  mkdirSync(credentials);
  renameSync(file(other, 'log.skey'), join(credentials, 'log.skey'));
  await assert.rejects(serve(other), /signing key .*no such file|signing key .*No such file/i);
  const node = await serve(other, { CREDENTIALS_DIRECTORY: credentials });
  assert.equal(verify(home, await ask(node)).status, 0);
  assert.match(node.log(), /key file="\S+credentials\/log\.skey"/);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  home.remove();
  other.remove();
});

// As systemd does before it starts the service: decrypted into a directory, mode 0400. systemd itself does
// not run here; its program does both, with a host key of this test.
test('credentials that systemd-creds encrypted start the node, and change the archive key', async (t) => {
  const home = init(['--keyless']), credentials = join(home.directory, 'credentials');
  const env = { ...process.env, SYSTEMD_CREDENTIAL_SECRET: join(home.directory, 'host.secret') };
  const creds = (args, input) => spawnSync('systemd-creds', args, { input, env });
  const seal = (name, input) => {
    const done = creds(['--with-key=host', `--name=${name}`, 'encrypt', '-', '-'], input);
    return done.status === 0 ? done.stdout : null;
  };
  const load = (name, sealed, as = name) => {
    const path = join(credentials, name), done = creds([`--name=${as}`, 'decrypt', '-', '-'], sealed);
    if (done.status !== 0) return false;
    writeFileSync(path, done.stdout, { mode: 0o400 });
    return true;
  };
  const command = (...args) => spawnSync(sekisho, [...args, '--config', home.config],
    { encoding: 'utf8', env: { ...process.env, CREDENTIALS_DIRECTORY: credentials } });
  mkdirSync(credentials);
  assert.equal(key(home, 'archive').status, 0);
  const text = readFileSync(file(home, 'log.skey')), archive = readFileSync(file(home, 'archive.key'));
  const sealed = { 'log.skey': seal('log.skey', text), 'archive.key': seal('archive.key', archive) };
  if (!sealed['log.skey']) {
    home.remove();
    return t.skip('no systemd-creds (252 or newer) that encrypts here');
  }
  for (const [name, bytes] of Object.entries(sealed)) {
    assert.ok(!Buffer.from(bytes.toString(), 'base64').includes(readFileSync(file(home, name))));
    assert.ok(load(name, bytes));
    assert.deepEqual(readFileSync(join(credentials, name)), readFileSync(file(home, name)));
    rmSync(file(home, name));
  }
  assert.equal(load('archive.key', sealed['log.skey']), false, 'it is bound to its name');
  sealed['log.skey'][62] ^= 1;
  assert.equal(load('log.skey', sealed['log.skey']), false, 'and whole');
  await assert.rejects(serve(home), /signing key /);
  const start = async () => {
    const node = await serve(home, { CREDENTIALS_DIRECTORY: credentials });
    assert.equal(verify(home, await ask(node)).status, 0);
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
    assert.match(node.log(), /archive records=0/);
  };
  await start();
  assert.match(command('key', 'archive', 'rotate').stderr, /the archive key is a credential: give archive\.next as one too/);
  const next = seal('archive.next', `${randomBytes(32).toString('hex')}\n`);
  assert.ok(load('archive.next', next));
  const rotated = command('key', 'archive', 'rotate');
  assert.equal(rotated.status, 0, rotated.stderr);
  assert.match(rotated.stdout, /Give the service archive\.next as archive\.key/);
  await assert.rejects(start(), /of another archive key/);
  renameSync(join(credentials, 'archive.next'), join(credentials, 'archive.key'));
  await start();
  assert.deepEqual(readdirSync(join(home.directory, 'data/keys')).filter((name) => name.startsWith('archive')), []);
  home.remove();
});

// A sanitizer's runtime makes mlock do nothing. What else holds a key's memory together is told there too.
const sanitized = readFileSync(sekisho).includes('__asan_init');

// Where these bytes are in a process: [mapping, whether it is locked and left out of cores].
function found(pid, bytes) {
  const places = [];
  let range;
  const mem = openSync(`/proc/${pid}/mem`, 'r');
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) r\S+ /.exec(line);
    if (head) range = head.slice(1).map((text) => parseInt(text, 16));
    else if (/^[0-9a-f]+-/.test(line)) range = undefined;
    if (!line.startsWith('VmFlags:') || !range || range[1] - range[0] > 1 << 26) continue;
    const memory = Buffer.alloc(range[1] - range[0]);
    try { readSync(mem, memory, 0, memory.length, range[0]); } catch { continue; }
    if (memory.includes(bytes)) places.push([range[0].toString(16), / dd( |$)/.test(line) && (sanitized || / lo( |$)/.test(line))]);
  }
  closeSync(mem);
  return places;
}

test('the secret is in the ledger room alone, in locked memory', { skip: process.getuid() !== 0 && 'needs root' }, async () => {
  const home = init(['--keyless']);
  const node = await serve(home);
  await ask(node);
  const text = readFileSync(file(home, 'log.skey'), 'utf8').trim();
  const seed = Buffer.from(text.split('+').slice(4).join('+'), 'base64').subarray(1);
  const children = readFileSync(`/proc/${node.child.pid}/task/${node.child.pid}/children`, 'utf8').trim().split(' ');
  const rooms = Object.fromEntries(children.map((pid) => [readFileSync(`/proc/${pid}/comm`, 'utf8').trim(), pid]));
  for (const bytes of [seed, Buffer.from(text.slice(-44))]) {
    assert.deepEqual(found(node.child.pid, bytes), [], 'the parent');
    for (const [name, pid] of Object.entries(rooms))
      if (name !== 'ledger') assert.deepEqual(found(pid, bytes), [], name);
  }
  const places = found(rooms.ledger, seed);
  assert.ok(places.length >= 1);
  for (const [at, held] of places) assert.ok(held, at);
  assert.deepEqual(found(rooms.ledger, Buffer.from(text.slice(-44))), [], 'its text');
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  home.remove();
});

// The signature lines of a receipt's checkpoint, by key id (hex).
const signers = (receipt) => receipt.checkpoint.split('\n\n')[1].trim().split('\n')
  .map((line) => Buffer.from(line.split(' ')[2], 'base64').subarray(0, 4).toString('hex'));
const verifyBy = (home, vkey, receipt, ...more) => run(['verify', '-', '--key', vkey, ...more], JSON.stringify(receipt));

test('rotation: both keys sign for a while; receipts from before, in and after it', async () => {
  const home = init(['--keyless']);
  const receipts = {};
  const answer = async (name) => {
    const node = await serve(home);
    receipts[name] = await ask(node);
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
    return node.log();
  };
  const node = await serve(home);
  const running = key(home, 'rotate');
  assert.equal(running.status, 1);
  assert.match(running.output, /a node runs on \S+: stop it first/);
  await node.stop();
  assert.match(key(home, 'retire').output, /no key is changing/);
  await answer('before');
  const other = init(['--keyless']);
  writeFileSync(file(home, 'next.skey'), key(other, 'export').output, { mode: 0o400 });
  assert.match(await answer('unused'), /next\.skey is not used/);
  rmSync(file(home, 'next.skey'));
  other.remove();
  const rotated = key(home, 'rotate', '--reason', '定期の交替');
  assert.equal(rotated.status, 0, rotated.output);
  const fresh = /^new +(\S+)$/m.exec(rotated.output)[1], begin = /^note +(\S+)$/m.exec(rotated.output)[1];
  const ids = [home.vkey, fresh].map((vkey) => vkey.split('+')[1]);
  assert.equal(key(home, 'rotate').status, 1, 'one at a time');
  assert.match(await answer('during'), /keys signatures=2/);
  const retired = key(home, 'retire');
  assert.equal(retired.status, 0, retired.output);
  const end = /^note +(\S+)$/m.exec(retired.output)[1];
  // Any of the log's keys will do for an export, before and after the new one alone has signed.
  const exports = (which) => {
    for (const vkey of [home.vkey, fresh]) {
      const done = run(['ledger', 'export', join(home.directory, which), '--key', vkey, '--config', home.config]);
      assert.equal(done.status, 0, done.output);
    }
    assert.equal(run(['ledger', 'export', join(home.directory, which), '--config', home.config]).status, 0);
  };
  exports('retired');
  await answer('after');
  exports('later');
  for (const [word, log] of [['verify', 'later'], ['audit', 'later'], ['audit', 'data']]) {
    const words = [word, join(home.directory, log)];
    assert.equal(run([...words, '--key', fresh]).status, 0);
    assert.equal(run([...words, '--key', home.vkey]).status, 3);
    assert.equal(run([...words, '--key', home.vkey, '--transition', end]).status, 0);
  }
  assert.equal(readFileSync(file(home, 'log.vkey'), 'utf8').trim(), fresh);
  assert.match(key(home, 'show').output, new RegExp(`^key +\\S+\\+${ids[1]}\\+`, 'm'));
  assert.deepEqual(Object.values(receipts).map(signers), [[ids[0]], [ids[0]], ids, [ids[1]]]);
  // [receipt, key, note]: accepted?
  const cases = [
    ['before', home.vkey, null, 0], ['before', fresh, null, 3], ['before', fresh, begin, 0], ['before', fresh, end, 0],
    ['during', home.vkey, null, 0], ['during', fresh, null, 0], ['during', fresh, begin, 0],
    ['after', fresh, null, 0], ['after', home.vkey, null, 3], ['after', home.vkey, begin, 0], ['after', home.vkey, end, 0],
  ];
  for (const [name, vkey, note, status] of cases) {
    const done = verifyBy(home, vkey, receipts[name], ...(note ? ['--transition', note] : []));
    assert.equal(done.status, status, `${name} ${vkey} ${note}: ${done.output}`);
  }
  assert.ok(receipts.before.open.index < receipts.after.open.index, 'it is the same log');
  // The same by a policy file: of the old key, of the new one, of both.
  const policy = join(home.directory, 'policy');
  const believed = (keys, receipt, ...more) => {
    writeFileSync(policy, keys.map((vkey) => `log ${vkey}\n`).join('') + 'quorum none\n');
    return run(['verify', '-', '--policy', policy, ...more], JSON.stringify(receipt)).status;
  };
  const fits = (name, vkey) => (name === 'during' || (name === 'after') === (vkey === fresh) ? 0 : 3);
  for (const [name, receipt] of Object.entries(receipts)) {
    if (name === 'unused') continue;
    for (const vkey of [home.vkey, fresh]) {
      assert.equal(believed([vkey], receipt), fits(name, vkey), `${name} ${vkey}`);
      assert.equal(believed([vkey], receipt, '--transition', end), 0, `${name} ${vkey} with its note`);
    }
    assert.equal(believed([home.vkey, fresh], receipt), 0, name);
  }
  const text = readFileSync(begin, 'utf8');
  assert.match(text, new RegExp(`^sekisho key transition\ntest\\.invalid/api\nbegin\n.*\n.*\n\\d+\n定期の交替\n\n— .*\n— .*\n$`));
  for (const bad of [text.replace('begin', 'end'), text.replace('交替', '交代'), text.split('\n').slice(0, -2).join('\n') + '\n']) {
    writeFileSync(join(home.directory, 'bad'), bad);
    assert.equal(verifyBy(home, home.vkey, receipts.after, '--transition', join(home.directory, 'bad')).status, 3);
  }
  const stranger = init(['--keyless']);
  assert.equal(verifyBy(home, stranger.vkey, receipts.after, '--transition', end).status, 3);
  stranger.remove();
  // A second rotation goes on from there.
  assert.equal(key(home, 'rotate').status, 0);
  await answer('again');
  assert.equal(signers(receipts.again)[0], ids[1]);
  home.remove();
});

test('rotation after a fall: what is missing is named, and the command finishes', async () => {
  const home = init(['--keyless']);
  const keep = (name) => readFileSync(file(home, name), 'utf8');
  const put = (name, text) => { rmSync(file(home, name), { force: true }); writeFileSync(file(home, name), text, { mode: 0o400 }); };
  const old = keep('log.skey');
  assert.equal(key(home, 'rotate').status, 0);
  const next = keep('next.skey');
  rmSync(file(home, 'next.skey'));
  await assert.rejects(serve(home), /the log's key is changing, and the old or the new one is not there/);
  put('next.skey', old.replace('api', 'apI'));
  await assert.rejects(serve(home), /signing key/);
  put('next.skey', next);
  assert.equal(key(home, 'retire').status, 0);
  assert.equal(keep('log.skey'), next);
  // Killed before the new key took the old one's place.
  put('log.skey', old);
  put('next.skey', next);
  await assert.rejects(serve(home), /the log's key was retired: `sekisho key retire` puts the new one in its place/);
  assert.equal(key(home, 'retire').status, 0);
  assert.equal(keep('log.skey'), next);
  const node = await serve(home);
  assert.equal(signers(await ask(node)).length, 1);
  await node.stop();
  home.remove();
});

test('rotation and retirement killed before any write: given again they end, nothing is removed by hand', (t) => {
  const home = init(['--keyless']), data = join(home.directory, 'data'), saved = join(home.directory, 'saved');
  const shim = join(dirname(sekisho), 'tests/fault/disk_shim.so');
  const killed = (step, ...words) => spawnSync(sekisho, ['key', ...words, '--config', home.config],
    { encoding: 'utf8', env: { ...process.env, LD_PRELOAD: shim, DISK_PLAN: `any kill ${step} once` } });
  const whole = (at) => {
    for (const name of readdirSync(join(data, 'keys')).filter((one) => one.endsWith('.skey')))
      assert.match(readFileSync(file(home, name), 'utf8'), /^PRIVATE\+KEY\+.+\n$/, `${at}: ${name}`);
  };
  for (const word of ['rotate', 'retire']) {
    execFileSync('cp', ['-a', data, saved]);
    let step = 1;
    for (;; step++) {
      rmSync(data, { recursive: true });
      execFileSync('cp', ['-a', saved, data]);
      const done = killed(step, word), at = `${word} killed before write ${step}`;
      if (done.signal !== 'SIGKILL') {
        assert.equal(done.status, 0, done.stderr);
        break;
      }
      whole(at);
      const again = key(home, word);
      // Killed after the leaf: what was to be done is done.
      assert.ok(again.status === 0 || /key is changing/.test(again.output), `${at}: ${again.output}`);
      assert.equal(existsSync(file(home, 'next.skey')), word === 'rotate', at);
      const names = readdirSync(join(data, 'keys'));
      assert.equal(names.some((name) => /skey\.new$/.test(name)), false, at);
      assert.ok(names.some((name) => (word === 'rotate' ? /^begin-.+\.note$/ : /^end-.+\.note$/).test(name)), at);
      if (word === 'retire') assert.ok(key(home, 'show').output.includes(readFileSync(file(home, 'log.vkey'), 'utf8').trim().split('+')[1]), at);
    }
    t.diagnostic(`${word}: ${step - 1} steps`);
    assert.ok(step > 5);
    rmSync(saved, { recursive: true });
  }
  home.remove();
});

test('a key in foreign hands: the log is closed, another goes on and names it', async () => {
  const home = init(['--keyless']), data = join(home.directory, 'data');
  const before = await serve(home);
  const receipt = await ask(before);
  assert.equal(key(home, 'compromised', '--reason', 'stolen').status, 1, 'a node runs');
  await before.stop();
  const conf = readFileSync(home.config, 'utf8'), old = readFileSync(file(home, 'log.skey'), 'utf8');
  assert.equal(key(home, 'compromised').status, 2, 'a reason is needed');
  const done = key(home, 'compromised', '--reason', 'a copy of the disk was lost');
  assert.equal(done.status, 0, done.output);
  const aside = /^old +(\S+)$/m.exec(done.output)[1], last = readFileSync(join(aside, 'released'), 'utf8');
  const vkey = readFileSync(file(home, 'log.vkey'), 'utf8').trim();
  assert.match(vkey, /^test\.invalid\/api\/2\+/);
  assert.match(readFileSync(home.config, 'utf8'), /^node: "test\.invalid\/api\/2"$/m);
  assert.equal(readFileSync(join(aside, 'log.vkey'), 'utf8').trim(), home.vkey);
  // The last leaf of one, the first of the other.
  const segments = readdirSync(aside).filter((name) => /^log\.\d+$/.test(name)).map((name) => readFileSync(join(aside, name), 'utf8')).join('');
  const closed = /\{"reason":"a copy of the disk was lost","successor":"([^"]+)",[^}]*"type":"closed"/.exec(segments);
  assert.equal(closed[1], vkey);
  const first = JSON.parse(/\{"cause":"compromised".*?"type":"restore","v":2\}/.exec(readFileSync(join(data, 'ledger/log.000000'), 'utf8'))[0]);
  assert.equal(first.checkpoint, last);
  const node = await serve(home);
  const after = await ask(node);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  assert.equal(after.origin, 'test.invalid/api/2');
  assert.equal(verifyBy(home, vkey, after).status, 0);
  assert.equal(verifyBy(home, home.vkey, after).status, 3);
  assert.equal(verifyBy(home, home.vkey, receipt).status, 0, 'what was, stays proven');
  // The old log takes nothing more, even with its key and name.
  renameSync(join(data, 'ledger'), join(data, 'ledger.new'));
  renameSync(aside, join(data, 'ledger'));
  renameSync(file(home, 'log.skey'), file(home, 'kept'));
  writeFileSync(file(home, 'log.skey'), old, { mode: 0o400 });
  writeFileSync(home.config, conf);
  const refusal = /this log was closed, and another goes on in its place/;
  await assert.rejects(serve(home), refusal);
  const size = () => readFileSync(join(data, 'ledger/released'), 'utf8').split('\n')[1], was = size();
  for (const word of ['rotate', 'retire']) {
    const { status, output } = key(home, word);
    assert.equal(status, 1, word);
    assert.match(output, refusal, word);
  }
  assert.equal(size(), was);
  home.remove();
});

test('the same after a fall before its last steps', async () => {
  const keyBack = (home, data, kept) => {
    renameSync(file(home, 'log.skey'), file(home, 'successor.skey'));
    writeFileSync(file(home, 'log.skey'), kept.skey, { mode: 0o400 });
  };
  const steps = [
    (home, data, kept) => { keyBack(home, data, kept); rmSync(join(data, 'ledger'), { recursive: true }); },
    keyBack,
    () => {}, // only the configuration is old
  ];
  for (const undo of steps) {
    const home = init(['--keyless']), data = join(home.directory, 'data');
    const kept = { conf: readFileSync(home.config, 'utf8'), skey: readFileSync(file(home, 'log.skey'), 'utf8') };
    const node = await serve(home);
    await ask(node);
    await node.stop();
    assert.equal(key(home, 'compromised', '--reason', 'x').status, 0);
    undo(home, data, kept);
    writeFileSync(home.config, kept.conf);
    const again = key(home, 'compromised', '--reason', 'x');
    assert.equal(again.status, 0, again.output);
    const after = await serve(home);
    assert.equal((await ask(after)).origin, 'test.invalid/api/2');
    await after.stop();
    home.remove();
  }
});
