// Texts that a policy keeps: disclosed with proofs, exported for a key, and erased. After erasing, the
// receipt of before still verifies, the text and its salts are nowhere in the data directory, no key
// that is left opens what is, and a leaf that verifies says that it was erased.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { files, keysOf, unseal } from './archive.mjs';
import { configure, init, sekisho, serve, verify } from './node.mjs';
import { pieces, scripted } from './scripted.mjs';
import { lastText, upstream } from './upstream.mjs';

const template = '{% for m in messages %}{{ m.content }}\n{% endfor %}';
const said = 'The parcel of plum wine is at the harbour gate.';
const there = await upstream({ kind: 'openai' });
const policy = `format: 1
name: keeping
home: JP
unknown: node
keep: 30
classes:
  contact: {detect: [email], reach: node, masked_reach: listed, keep: 7}
  secret: {detect: ["secret.*"], reach: node}
  public: {reach: world, keep: 60}
places:
  - id: abroad
    country: DE
    operator: "Example"
    operator_home: DE
    processing: single-region
    url: ${there.url}
    contract: "DPA-1"
    contract_until: 2099-12-31
    models: [there]
tenants:
  - {id: default, labels: [public]}
routes:
  - {model: away, to: [{place: abroad, model: there}]}
`;
let home, node, ledger;
before(async () => {
  home = init();
  const file = join(home.directory, 'policy.yaml');
  writeFileSync(file, policy);
  const path = scripted({ template, scripts: [pieces(said, 4, 1)], context: 4096 }).write(join(home.directory, 'm.gguf'));
  configure(home, [[/^ +(# *)?policy: .*$/m, `  policy: "${file}"`],
    [/models:\n( .*\n)+/, `models:\n  - {id: "m", file: "${path}"}\n`]]);
  ledger = join(home.directory, 'data/ledger');
});
after(async () => {
  await there.stop();
  home.remove();
});

const post = async (body, headers = {}) => {
  const sent = JSON.stringify(body);
  const response = await fetch(`${node.url}/chat/completions`, {
    method: 'POST', body: sent, headers: { 'content-type': 'application/json', authorization: `Bearer ${home.key}`, ...headers } });
  return { sent, status: response.status, json: await response.json() };
};
const ask = (content) => post({ model: 'm', messages: [{ role: 'user', content }] });
// On a file system without hard links.
const env = { ...process.env, LD_PRELOAD: join(dirname(sekisho), 'tests/fault/disk_shim.so'), DISK_PLAN: 'link EPERM 1 ever' };
const command = (...args) => {
  const done = spawnSync(sekisho, [...args, '--config', home.config], { encoding: 'utf8', timeout: 90_000, env });
  return { status: done.status, out: done.stdout, err: done.stderr };
};
const disclose = (open, ...rest) => {
  const done = command('ledger', 'disclose', '--open', String(open), ...rest);
  assert.equal(done.status, 0, done.err);
  return done.out;
};
const check = (bundle) => {
  const done = spawnSync(sekisho, ['verify', '-', '--key', home.vkey, '--json'], { input: bundle, encoding: 'utf8' });
  const report = JSON.parse(done.stdout);
  return { status: done.status, report, proven: report.sentences.filter((s) => s.state === 'proven').map((s) => s.id) };
};
const closeOf = (receipt) => JSON.parse(receipt.close.leaf);
const found = (needle) => [...files(join(home.directory, 'data'))].filter(([, bytes]) => bytes.includes(needle)).map(([path]) => path);

const asked = 'Where is the zanzibar-tangerine parcel? Write to taro@example.jp';
let first, second, third, kept;

test('without an archive key what is to be kept is not processed', async () => {
  node = await serve(home);
  const refused = await ask(asked);
  assert.equal(refused.status, 503);
  assert.equal(refused.json.error.code, 'archive_unavailable');
  assert.match(refused.json.error.message, /sekisho key archive/);
  const open = await ask('password = hunter2-Xk93kd02'); // of a class that is not kept
  assert.equal(open.status, 200);
  assert.equal(closeOf(open.json.sekisho.receipt).kept, undefined);
  await node.stop();
  const made = command('key', 'archive');
  assert.equal(made.status, 0, made.err);
  assert.equal(statSync(join(home.directory, 'data/keys/archive.key')).mode & 0o777, 0o400);
  assert.equal(command('key', 'archive').status, 1); // never in place of another
  node = await serve(home);
});

test('what is kept: the close leaf says so, and no file shows it', async () => {
  first = await ask(asked);
  second = await ask('a text of no class');
  assert.equal(first.status, 200, JSON.stringify(first.json));
  const receipt = first.json.sekisho.receipt, now = Date.now() / 1000;
  assert.equal(closeOf(receipt).kept, 'yes');
  assert.ok(Math.abs(closeOf(receipt).kept_until_s - now - 7 * 86400) < 600);
  assert.ok(Math.abs(closeOf(second.json.sekisho.receipt).kept_until_s - now - 30 * 86400) < 600);
  assert.ok(existsSync(join(ledger, 'kept.keys')));
  assert.deepEqual(found('zanzibar-tangerine'), []);
  assert.deepEqual(found('harbour gate'), []);
});

test('disclosed: chosen fields with their salts, checked without the node', () => {
  const receipt = first.json.sekisho.receipt, open = receipt.open.index;
  const none = check(disclose(open));
  assert.equal(none.status, 0, JSON.stringify(none.report));
  assert.deepEqual(none.proven, ['signature', 'decision', 'outcome', 'bound']);
  const text = disclose(open, '--fields', 'body,answer');
  const bundle = JSON.parse(text);
  assert.deepEqual(bundle.fields.map((f) => f.name), ['request_body', 'choice_0']);
  assert.equal(Buffer.from(bundle.fields[0].value, 'base64').toString(), first.sent);
  assert.equal(Buffer.from(bundle.fields[1].value, 'base64').toString(), first.json.choices[0].message.content);
  assert.equal(bundle.fields[0].salt, receipt.salts.request_body);
  const all = check(text);
  assert.equal(all.status, 0);
  assert.deepEqual(all.proven, ['signature', 'decision', 'outcome', 'bound', 'request', 'answer']);
  assert.equal(all.report.what, 'disclosure');
  const value = Buffer.from(first.sent.replace('taro', 'jiro')).toString('base64');
  const lied = check(text.replace(bundle.fields[0].value, value));
  assert.equal(lied.status, 3);
  assert.match(lied.report.reason, /request_body is not what the log commits to/);
});

test('away: what left is kept too, and opens what the log says left', async () => {
  const body = { model: 'away', messages: [{ role: 'user', content: 'Write to hanako@example.jp, please' }] };
  const away = await post(body, { 'sekisho-label': 'public' });
  assert.equal(away.status, 200, JSON.stringify(away.json));
  const receipt = away.json.sekisho.receipt, open = receipt.open.index;
  assert.equal(closeOf(receipt).kept, 'yes');
  assert.ok(closeOf(receipt).kept_until_s < Date.now() / 1000 + 8 * 86400); // the class that says least
  const text = disclose(open, '--fields', 'prompt,answer'), bundle = JSON.parse(text);
  assert.deepEqual(bundle.fields.map((f) => f.name), ['envelope', 'choice_0']);
  const left = Buffer.from(bundle.fields[0].value, 'base64').toString();
  assert.doesNotMatch(left, /hanako/);
  assert.equal(lastText(JSON.parse(left)), lastText(there.requests.at(-1).json));
  assert.deepEqual(check(text).proven, ['signature', 'decision', 'outcome', 'bound', 'prompt', 'answer']);
  assert.match(command('ledger', 'erase', '--open', String(open)).out, /^erased 1/);
});

test('exported: everything of one API key', () => {
  const id = JSON.parse(first.json.sekisho.receipt.open.leaf).key;
  const directory = join(home.directory, 'subject');
  const done = command('ledger', 'subject', '--key-id', id, '--out', directory);
  assert.equal(done.status, 0, done.err);
  assert.deepEqual(readdirSync(directory).sort(), [first, second].map((a) => `${a.json.sekisho.receipt.open.index}.json`).sort());
  for (const name of readdirSync(directory)) assert.equal(check(readFileSync(join(directory, name))).status, 0);
  rmSync(directory, { recursive: true });
  assert.match(command('ledger', 'subject', '--key-id', 'nobody', '--out', directory).out, /^0 requests/);
});

test('what is kept, by class and days; nothing is due, and a leaf says so when asked to apply it', () => {
  const { kept: rows } = JSON.parse(command('ledger', 'retention', '--json').out);
  assert.deepEqual(rows.map((row) => [row.classes, row.days, row.records, row.due]).sort(), [['', 30, 1, 0], ['contact', 7, 1, 0]]);
  const done = command('ledger', 'retention', '--apply');
  assert.equal(done.status, 0, done.err);
  assert.match(done.out, /^class +days +records +bytes +due +next\n/);
  assert.match(done.out, /^contact +7 +1 +\S+ \S+ +0 +\d{4}-\d\d-\d\d$/m);
  assert.match(done.out, /^erased 0 of 0 B, leaf \d+$/m);
});

test('erased: the proofs stay, the text and its salts are gone, the leaf says so', async () => {
  const receipt = first.json.sekisho.receipt, open = receipt.open.index;
  kept = [...files(ledger)].filter(([path]) => path.includes('kept.')); // by whoever copied it before
  assert.equal(command('ledger', 'erase', '--open', String(open), '--reason', 'He asked').status, 2);
  const done = command('ledger', 'erase', '--open', String(open), '--reason', 'art-17');
  assert.equal(done.status, 0, done.err);
  assert.match(done.out, /^erased 1, leaf \d+/);
  const leaf = Number(/leaf (\d+)/.exec(done.out)[1]);
  // The receipt of before, and one fetched now.
  assert.equal(verify(home, receipt, { request: first.sent }).status, 0);
  const text = disclose(open, '--fields', 'body,prompt,answer');
  const bundle = JSON.parse(text);
  assert.deepEqual(bundle.fields, []);
  assert.deepEqual(JSON.parse(bundle.erasure.leaf).opens, [open]);
  assert.match(bundle.erasure.proof, new RegExp(`^c2sp.org/tlog-proof@v1\nindex ${leaf}\n`));
  const checked = check(text);
  assert.equal(checked.status, 0, JSON.stringify(checked.report));
  assert.deepEqual(checked.proven, ['signature', 'decision', 'outcome', 'bound', 'erased']);
  assert.match(checked.report.sentences.find((s) => s.id === 'erased').text, /art-17/);
  const plain = spawnSync(sekisho, ['verify', '-', '--key', home.vkey], { input: text, encoding: 'utf8' });
  assert.match(plain.stdout, /proven +the node stated that it erased the texts, on \d{4}-\d\d-\d\d \(art-17\)/);
  // Nowhere: the text, the salts raw, as hex and base64; nor the old key file.
  const needles = ['zanzibar-tangerine', 'taro@example', 'plum wine'];
  for (const salt of Object.values(receipt.salts)) {
    const raw = Buffer.from(salt, 'hex');
    needles.push(raw, salt, salt.toUpperCase(), raw.toString('base64').slice(0, 42));
  }
  for (const needle of needles) assert.deepEqual(found(needle), [], String(needle));
  const keys = kept.find(([path]) => path.endsWith('kept.keys'))[1];
  for (let at = 0; at + 32 <= keys.length; at += 32) assert.deepEqual(found(keys.subarray(at, at + 32)), []);
  assert.match(command('ledger', 'erase', '--open', String(open)).err, /was erased already: leaf \d+/);
  assert.match(command('ledger', 'erase', '--open', '999999').err, /nothing is kept/);
  // The other one is still there.
  assert.equal(JSON.parse(disclose(second.json.sekisho.receipt.open.index, '--fields', 'body')).fields.length, 1);
});

test('no key that is left opens what is left of it', () => {
  const before = new Map(kept.map(([path, bytes]) => [path.slice(ledger.length + 1), bytes]));
  const archive = Buffer.from(readFileSync(join(home.directory, 'data/keys/archive.key'), 'utf8').trim(), 'hex');
  const [mine, other] = keysOf(before.get('kept.keys'), archive);
  assert.equal(Number(mine.open.readBigUInt64LE()), first.json.sekisho.receipt.open.index);
  const record = (row) => before.get(`kept.${String(row.segment).padStart(6, '0')}`).subarray(row.offset, row.offset + row.len);
  assert.ok(unseal(mine.key, mine.open, record(mine)).includes('zanzibar-tangerine')); // what erasing took away
  assert.deepEqual(readdirSync(ledger).filter((name) => name.startsWith('kept.keys')), ['kept.keys']);
  const left = keysOf(readFileSync(join(ledger, 'kept.keys')), archive);
  assert.equal(left.length, 1);
  assert.deepEqual(left[0].key, other.key);
  assert.ok(unseal(left[0].key, other.open, record(other)));
  for (const { key } of left) assert.equal(unseal(key, mine.open, record(mine)), null);
});

test('a stopped node: the same commands, by themselves', async () => {
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  assert.doesNotMatch(node.log(), /zanzibar|taro@example|plum wine/);
  const id = JSON.parse(first.json.sekisho.receipt.open.leaf).key;
  const open = second.json.sekisho.receipt.open.index;
  assert.equal(check(disclose(open, '--fields', 'answer')).status, 0);
  const done = command('ledger', 'erase', '--key-id', id);
  assert.match(done.out, /^erased 1, leaf/, done.err);
  assert.ok(check(disclose(open)).proven.includes('erased'));
  assert.ok(check(disclose(first.json.sekisho.receipt.open.index)).proven.includes('erased'));
  node = await serve(home); // what another process wrote is read again
  third = await ask(asked);
  assert.equal(closeOf(third.json.sekisho.receipt).kept, 'yes');
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  assert.doesNotMatch(node.log(), / (fell|fail|drop) /);
});

test('a closed log: what is kept can be shown, and nothing more is erased', () => {
  const data = join(home.directory, 'data'), skey = join(data, 'keys/log.skey');
  const conf = readFileSync(home.config), old = readFileSync(skey), open = third.json.sekisho.receipt.open.index;
  const closed = command('key', 'compromised', '--reason', 'x');
  assert.equal(closed.status, 0, closed.err);
  renameSync(ledger, `${ledger}.new`);
  renameSync(/^old +(\S+)$/m.exec(closed.out)[1], ledger);
  rmSync(skey);
  writeFileSync(skey, old, { mode: 0o400 });
  writeFileSync(home.config, conf);
  const refused = command('ledger', 'erase', '--open', String(open));
  assert.equal(refused.status, 1);
  assert.match(refused.err, /this log was closed, and another goes on in its place/);
  assert.equal(JSON.parse(disclose(open, '--fields', 'body')).fields[0].name, 'request_body');
});
