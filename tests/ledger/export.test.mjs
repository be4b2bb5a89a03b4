// A log as strangers get it: exported beside a running node, and over HTTP. Go's note and tlog
// packages, @sigstore/verify and `sekisho verify` accept all of it, and refuse one changed byte.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash, createPublicKey } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { init, sekisho, serve } from '../api/node.mjs';

const { verifyMerkleInclusion } = createRequire(import.meta.url)('@sigstore/verify/dist/tlog/merkle.js');
const { verifyCheckpoint } = createRequire(import.meta.url)('@sigstore/verify/dist/tlog/checkpoint.js');

const batches = [1, 254, 1, 1, 255, 1488, 2000, 96, 4000, 2404, 500]; // 11,000 entries
const work = mkdtempSync(join(tmpdir(), 'sekisho-export-'));
const out = join(work, 'out'), seen = join(work, 'seen');
let place, node, auditor, go, url;

const hash = (...parts) => parts.reduce((sum, part) => sum.update(part), createHash('sha256')).digest();
const parent = (left, right) => hash(Buffer.from([1]), left, right);
const options = { encoding: 'utf8', maxBuffer: 1 << 26 };
const run = (program, args, env = {}) => {
  const { status, stdout, stderr } = spawnSync(program, args, { ...options, env: { ...process.env, ...env } });
  return { status, output: stdout + stderr };
};
const exportTo = (to, ...more) => run(sekisho, ['ledger', 'export', to, '--config', place.config, ...more]);
const checkpoints = () => readdirSync(seen).map((name) => join(seen, name));
const ask = () => fetch(`${url}/v1/chat/completions`, {
  method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${place.key}` },
  body: JSON.stringify({ model: 'sekisho-keigo', messages: [{ role: 'user', content: 'はい' }], temperature: 0, max_tokens: 2 }),
});
const pieces = (of) => readdirSync(of, { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
  .map((file) => join(file.parentPath, file.name).slice(of.length + 1)).sort();
const read = (of, name) => readFileSync(join(of, name));
const sizeOf = (of) => Number(read(of, 'checkpoint').toString().split('\n')[1]);

// The tree of an export, from its hashes of entries.
function tree(of) {
  const size = sizeOf(of), levels = [[]];
  const name = (index, width) => `${String(index).padStart(3, '0')}${width < 256 ? `.p/${width}` : ''}`;
  const entries = [];
  for (let index = 0; index * 256 < size; index++) {
    const width = Math.min(256, size - index * 256);
    const tile = read(of, `tile/0/${name(index, width)}`), bundle = read(of, `tile/entries/${name(index, width)}`);
    for (let at = 0; at < tile.length; at += 32) levels[0].push(tile.subarray(at, at + 32));
    for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at))
      entries.push(bundle.subarray(at + 2, at + 2 + bundle.readUInt16BE(at)));
  }
  assert.equal(entries.length, size);
  while (levels.at(-1).length > 1) {
    const below = levels.at(-1);
    levels.push(below.flatMap((left, i) => (i % 2 ? [] : i + 1 < below.length ? [parent(left, below[i + 1])] : [left])));
  }
  // RFC 6962: a node without a neighbour goes up as it is.
  const proof = (index) => levels.slice(0, -1).flatMap((level, up) => level[(index >> up) ^ 1] ?? []);
  return { size, entries, proof, root: levels.at(-1)[0] };
}

test.before(async () => {
  go = join(work, 'tiles');
  const gopath = '/usr/share/gocode';
  if (existsSync(join(gopath, 'src/golang.org/x/mod/sumdb/tlog')))
    execFileSync('go', ['build', '-o', go, new URL('tiles.go', import.meta.url).pathname],
      { env: { ...process.env, GO111MODULE: 'off', GOPATH: gopath, GOPROXY: 'off', GOFLAGS: '', GOCACHE: join(work, 'cache') } });
  place = init();
  auditor = execFileSync(sekisho, ['key', 'an auditor', '--audit', '--config', place.config], options).trim();
  const log = join(place.directory, 'data/ledger');
  mkdirSync(seen);
  mkdirSync(log, { recursive: true });
  execFileSync(process.env.EXPORT_WRITE, [log, join(place.directory, 'data/keys/log.skey'), seen, ...batches.map(String)]);
  node = await serve(place);
  url = node.url.replace('/v1', '');
});
test.after(async () => {
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  place.remove();
  rmSync(work, { recursive: true, force: true });
});

test('an export beside the running node, continued as the log grows', async () => {
  const first = exportTo(out);
  assert.equal(first.status, 0, first.output);
  const size = sizeOf(out);
  assert.ok(size >= 11000);
  assert.equal(first.output, `${size} entries in ${out}, ${size} of them new\n`);
  for (const name of pieces(out)) {
    const mode = statSync(join(out, name)).mode & 0o777;
    assert.equal(mode, name.startsWith('tile/entries/') ? 0o640 : 0o644, name);
  }
  assert.equal(statSync(join(out, 'tile/entries')).mode & 0o777, 0o750);
  const kept = statSync(join(out, 'tile/0/005')).ino;
  for (let i = 0; i < 8; i++) await Promise.all(Array.from({ length: 16 }, ask));
  let again;
  do { // the node has signed it soon
    await wait(200);
    again = exportTo(out);
    assert.equal(again.status, 0, again.output);
  } while (sizeOf(out) === size);
  assert.match(again.output, /, [1-9][0-9]* of them new\n$/);
  do again = exportTo(out); while (!/, 0 of them new\n$/.test(again.output) && again.status === 0);
  assert.equal(again.status, 0, again.output);
  assert.equal(statSync(join(out, 'tile/0/005')).ino, kept, 'what is there is not written again');
});

test('what a killed export left is completed; another log, or a shorter one, is refused', async () => {
  const broken = join(work, 'broken');
  for (let ms = 1; ms < 40; ms += 5) {
    const child = spawn(sekisho, ['ledger', 'export', broken, '--config', place.config], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await wait(ms);
    child.kill('SIGKILL');
    await ended;
    if (existsSync(join(broken, 'checkpoint'))) assert.equal(sizeOf(broken), tree(broken).size);
  }
  assert.equal(exportTo(broken).status, 0);
  assert.ok(tree(broken).size >= 11000);
  const other = init(), log = join(other.directory, 'data/ledger'), dates = join(work, 'dates');
  const refused = (why) => {
    const { status, output } = run(sekisho, ['ledger', 'export', broken, '--config', other.config]);
    assert.equal(status, 1);
    assert.match(output, why);
  };
  mkdirSync(log, { recursive: true });
  mkdirSync(dates);
  refused(/there is no log: its record 'released' is missing/);
  const write = (entries) => execFileSync(process.env.EXPORT_WRITE, [log, join(other.directory, 'data/keys/log.skey'), dates, `${entries}`]);
  write(300);
  refused(/\d+ entries were exported there earlier, and the log has 300: it was cut, or is an old copy/);
  // Of the same name and length, with other entries.
  write(sizeOf(broken) - 300);
  refused(/another root than what was exported there earlier/);
  other.remove();
});

test('Go verifies the note, every entry, and older checkpoints', { skip: !existsSync('/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog') && process.env.SEKISHO_STRICT !== '1' }, () => {
  const whole = run(go, [out, place.vkey, ...checkpoints()]);
  assert.equal(whole.status, 0, whole.output);
  assert.match(whole.output, new RegExp(`^${sizeOf(out)} entries included, ${batches.length} older checkpoints consistent`));
  const live = run(go, [`${url}/ledger`, place.vkey, ...checkpoints()], { TOKEN: auditor });
  assert.equal(live.status, 0, live.output);
  assert.ok(Number(live.output.split(' ')[0]) >= sizeOf(out));
  assert.notEqual(run(go, [`${url}/ledger`, place.vkey]).status, 0, 'entries need a key');
});

// One byte of each kind of piece, at its beginning, in the middle and at its end.
function changes() {
  const all = pieces(out), list = [];
  const edge = (folder) => all.filter((name) => name.startsWith(folder) && name.includes(`.p/`)).at(-1);
  const current = (folder, index, count) => `${folder}/${String(index).padStart(3, '0')}${count < 256 ? `.p/${count}` : ''}`;
  const size = sizeOf(out), last = Math.floor(size / 256), left = size % 256;
  const names = ['tile/0/000', 'tile/0/021', 'tile/entries/000', 'tile/entries/021', current('tile/1', 0, last)];
  if (left) names.push(current('tile/0', last, left), current('tile/entries', last, left));
  assert.ok(edge('tile/0/'));
  for (const name of names) {
    const length = read(out, name).length;
    for (const at of [0, Math.floor(length / 2), length - 1]) list.push([name, at]);
  }
  const note = read(out, 'checkpoint').toString(), root = note.split('\n').slice(0, 2).join('\n').length + 1;
  for (const at of [0, note.indexOf('\n') + 1, root, root + 20, note.indexOf('— ') + 25, note.lastIndexOf('\n') - 9])
    list.push(['checkpoint', at]);
  return list;
}
function changed(name, at, body) {
  const before = read(out, name), after = Buffer.from(before);
  after[at] ^= 1;
  writeFileSync(join(out, name), after);
  try {
    body();
  } finally {
    writeFileSync(join(out, name), before);
  }
}

test('one changed byte of a tile, of entries, of the checkpoint is refused', (t) => {
  const programs = { 'sekisho verify': (...more) => run(sekisho, ['verify', out, '--key', place.vkey, ...more]).status };
  if (existsSync(go)) programs.go = () => run(go, [out, place.vkey]).status;
  for (const [program, verify] of Object.entries(programs)) {
    assert.equal(verify(), 0, program);
    for (const [name, at] of changes())
      changed(name, at, () => assert.notEqual(verify(), 0, `${program} accepts ${name} with byte ${at} changed`));
    assert.equal(verify(), 0, program);
  }
  t.diagnostic(`${changes().length} changes refused by each of ${Object.keys(programs).join(', ')}`);
});

test('@sigstore/verify agrees on signature and inclusion, and refuses wrong ones', (t) => {
  const { size, entries, proof, root } = tree(out);
  const raw = Buffer.from(place.vkey.split('+').slice(2).join('+'), 'base64');
  const publicKey = createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw.subarray(1)]), format: 'der', type: 'spki' });
  const log = { logID: hash(Buffer.from(`${place.vkey.split('+')[0]}\n`), raw), baseURL: 'https://test.invalid/api', publicKey };
  const envelope = read(out, 'checkpoint').toString();
  const open = (text) => verifyCheckpoint({ inclusionProof: { checkpoint: { envelope: text } } }, [log]);
  const checkpoint = open(envelope);
  assert.equal(checkpoint.logSize, BigInt(size));
  assert.ok(checkpoint.logHash.equals(root));
  assert.throws(() => open(envelope.replace(`\n${size}\n`, `\n${size + 1}\n`)));
  const check = (index, hashes, body) => verifyMerkleInclusion({ inclusionProof: { logIndex: String(index), hashes }, canonicalizedBody: body }, checkpoint);
  const refuse = (...args) => assert.throws(() => check(...args), { name: 'VerificationError' });
  const sample = new Set([0, 1, 255, 256, size - 2, size - 1]);
  while (sample.size < 250) sample.add(sample.size * 7919 % size);
  for (const index of sample) {
    const hashes = proof(index), body = entries[index], wrong = Buffer.from(body), bad = Buffer.from(hashes[3]);
    check(index, hashes, body);
    wrong[index % body.length] ^= 1;
    bad[index % 32] ^= 1;
    refuse(index, hashes, wrong);
    refuse(index, hashes, entries[(index + 1) % size]);
    refuse(index ^ 1, hashes, body);
    refuse(index, hashes.with(3, bad), body);
    refuse(index, hashes.slice(1), body);
    refuse(size, hashes, body);
  }
  t.diagnostic(`${sample.size} entries agreed on, ${6 * sample.size} wrong ones refused`);
});

test('what the node serves is what it exports, byte for byte', async () => {
  const names = pieces(out).filter((name) => name !== 'checkpoint');
  const headers = { authorization: `Bearer ${auditor}` };
  for (const name of names) {
    const response = await fetch(`${url}/ledger/${name}`, { headers });
    assert.equal(response.status, 200, name);
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(read(out, name)), name);
  }
});

test('sekisho verify: the directory, a copy of it, and the live node', () => {
  const copy = join(work, 'copy'), token = join(work, 'token');
  cpSync(out, copy, { recursive: true });
  writeFileSync(token, auditor, { mode: 0o600 });
  for (const args of [[copy, ...checkpoints()], [url, '--token', token, ...checkpoints()], [url, '--hashes']]) {
    const { status, output } = run(sekisho, ['verify', ...args, '--key', place.vkey]);
    assert.equal(status, 0, output);
  }
});
