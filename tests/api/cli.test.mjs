// The command line as a person uses it: first steps, mistakes, and what a machine can do wrong.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asUser, configure, init, sekisho, serve } from './node.mjs';

const run = (args, options = {}) => {
  const done = spawnSync(sekisho, args, { encoding: 'utf8', timeout: 30_000, ...options });
  return { status: done.status, out: done.stdout, err: done.stderr };
};
const model = new URL('../../models/sekisho-keigo.gguf', import.meta.url).pathname;
const modelOf = (place) => /file: "(.*)"/.exec(readFileSync(place.config, 'utf8'))[1];

test('help is worth reading, and wrong words are told', () => {
  const help = run(['--help']);
  assert.equal(help.status, 0);
  for (const word of ['init', 'serve', 'run', 'chat', 'verify', 'model', 'key', 'config', 'doctor', 'bench',
    'embed', 'eval', 'keigo', 'perplexity', 'tokenize', 'train', 'place']) {
    assert.match(help.out, new RegExp(`^  ${word} `, 'm'));
    const own = run([word, '--help']);
    assert.equal(own.status, 0);
    assert.match(own.out, new RegExp(`^usage: sekisho ${word}`));
  }
  assert.equal(run([]).status, 2);
  assert.equal(run(['fly']).status, 2);
  assert.equal(run(['serve', '--fast']).status, 2);
  assert.equal(run(['verify']).status, 2);
});

test('init overwrites nothing; config check names file, line and column', () => {
  const place = init();
  assert.equal(run(['config', 'check', '--config', place.config]).status, 0);
  const again = run(['init', '--config', place.config]);
  assert.equal(again.status, 1);
  assert.match(again.err, /exists already/);
  configure(place, [[/body: \d+/, 'body: lots']]);
  const bad = run(['config', 'check', '--config', place.config]);
  assert.equal(bad.status, 1);
  assert.match(bad.err, /sekisho\.yaml:\d+:\d+: body must be a number/);
  place.remove();
});

test('init makes nothing that serve would refuse, and leaves nothing behind when it fails', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sekisho-init-'));
  const data = join(directory, 'data');
  const bad = [['--listen', 'nowhere'], ['--listen', '0.0.0.0:1', '--keyless'], ['--node', 'a b'],
    ['--config', '/nowhere/sekisho.yaml'], ['--node', 'x'.repeat(200)]];
  for (const words of bad) {
    const done = run(['init', '--config', join(directory, 'c.yaml'), '--data', data, ...words]);
    assert.ok(done.status === 1 || done.status === 2, words.join(' '));
    assert.ok(!existsSync(join(directory, 'c.yaml')), words.join(' '));
    assert.ok(!existsSync(join(data, 'keys/log.skey')), words.join(' '));
  }
  const good = run(['init', '--config', join(directory, 'c.yaml'), '--data', data]);
  assert.equal(good.status, 0, good.err);
  assert.equal(statSync(join(data, 'keys/log.skey')).mode & 0o777, 0o400);
  assert.equal(statSync(join(directory, 'c.yaml')).mode & 0o777, 0o600);
  rmSync(directory, { recursive: true });
});

test('key: whoever could read the configuration still can; a name of any bytes, or nothing changes', () => {
  const place = init();
  chmodSync(place.config, 0o640);
  const root = process.getuid() === 0;
  if (root) chownSync(place.config, 65534, 65534);
  assert.equal(run(['key', 'a\nb\x01"\\', '--config', place.config]).status, 0);
  assert.equal(statSync(place.config).mode & 0o777, 0o640);
  if (root) assert.equal(statSync(place.config).uid, 65534);
  const print = run(['config', 'print', '--config', place.config]);
  assert.equal(print.status, 0, print.err);
  assert.match(print.out, /name: "a\\x0ab\\x01\\"\\\\"$/m);
  const before = readFileSync(place.config, 'utf8');
  const bad = spawnSync('sh', ['-c', `exec "$0" key "$(printf '\\377')" --config "$1"`, sekisho, place.config], { encoding: 'utf8' });
  assert.equal(bad.status, 1);
  assert.equal(readFileSync(place.config, 'utf8'), before);
  assert.ok(!existsSync(`${place.config}.new`));
  place.remove();
});

test('no model yet: model add sets one, serve says so', () => {
  const place = init();
  const file = modelOf(place);
  configure(place, [[/file: ".*"/, 'file: ""']]);
  refused(place, /sekisho model add/);
  const added = run(['model', 'add', file, '--config', place.config]);
  assert.equal(added.status, 0, added.err);
  assert.equal(modelOf(place), file);
  place.remove();
});

test('verify: a receipt cannot write on the terminal what it is not', async () => {
  const place = init(['--keyless']);
  const node = await serve(place);
  const answer = await (await fetch(`${node.url}/chat/completions`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sekisho-keigo', max_tokens: 2, messages: [{ role: 'user', content: 'はい' }] }),
  })).json();
  await node.stop();
  const { receipt } = answer.sekisho;
  receipt.open.leaf = receipt.open.leaf.replace('sekisho-keigo', 'x\\nverified\\u001b[8m\\u009b8m');
  const file = join(place.directory, 'receipt');
  writeFileSync(file, JSON.stringify(receipt));
  const done = run(['verify', file, '--key', place.vkey]);
  assert.equal(done.status, 3);
  assert.match(done.out, /model +x\?verified\?\[8m/);
  assert.doesNotMatch(done.out, /\x1b|\u009b|^verified/m);
  place.remove();
});

test('what cannot be printed is a failure', () => {
  const full = openSync('/dev/full', 'w');
  const done = run(['run', '--max-tokens', '2', 'x'], { stdio: ['ignore', full, 'pipe'] });
  assert.equal(done.status, 1);
  assert.match(done.err, /standard output/);
});

test('run answers on stdout, the same words each time; a raw prompt is continued', () => {
  const first = run(['run', 'おはようございます']);
  assert.equal(first.status, 0, first.err);
  assert.ok(first.out.trim().length > 0);
  assert.equal(run(['run', '-'], { input: 'おはようございます' }).out, first.out);
  assert.equal(run(['run', '--raw', '--max-tokens', '4', '会議の']).status, 0);
  assert.equal(run(['run', '--model', '/nowhere.gguf', 'x']).status, 1);
  const long = run(['run', 'あ'.repeat(3000)]);
  assert.equal(long.status, 1);
  assert.match(long.err, /context/);
});

test('perplexity: the same figure on a terminal and as JSON; short texts and no texts are told', () => {
  const place = init();
  const directory = mkdtempSync(join(tmpdir(), 'sekisho-text-'));
  const file = join(directory, 'text'), model = modelOf(place);
  writeFileSync(file, '明日の会議を欠席するので、資料を送ってもらえると助かります。\n'.repeat(40));
  const done = run(['perplexity', '--model', model, '--context', '64', '--json', file]);
  assert.equal(done.status, 0, done.err);
  const figures = JSON.parse(done.out);
  assert.equal(figures.context, 64);
  assert.equal(figures.tokens, figures.chunks * 31); // the second half, its first token not
  assert.ok(figures.perplexity > 1 && figures.standard_error > 0 && figures.bits_per_byte > 0);
  const piped = run(['perplexity', '--model', model, '--context', '64', '-'], { input: readFileSync(file) });
  assert.match(piped.out, new RegExp(`perplexity +${figures.perplexity.toFixed(4)} ± `));
  for (const [text, told] of [['温泉', /tokens, less than one chunk of 64; try --context/], ['', /empty/],
    [Buffer.from([0xff, 0xfe]), /UTF-8/]]) {
    const bad = run(['perplexity', '--model', model, '--context', '64', '-'], { input: text });
    assert.equal(bad.status, 1);
    assert.match(bad.err, told);
  }
  assert.match(run(['perplexity', join(directory, 'none')]).err, /No such file/);
  rmSync(directory, { recursive: true });
  place.remove();
});

test('embed: vectors of length 1, the same alone and beside others; a model of text is told', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sekisho-embed-')), file = join(directory, 'bert.gguf');
  execFileSync(process.env.MAKE_GGUF, ['bert', 'Q8_0', file]);
  const texts = ['住民票の写し', 'hello world'];
  const lines = run(['embed', '--model', file, '--json', ...texts]).out.trim().split('\n').map(JSON.parse);
  assert.equal(lines.length, 2);
  for (const [i, { embedding }] of lines.entries()) {
    assert.ok(Math.abs(embedding.reduce((sum, x) => sum + x * x, 0) - 1) < 1e-5);
    const alone = run(['embed', '--model', file, '--json', '-'], { input: texts[i] });
    assert.deepEqual(JSON.parse(alone.out).embedding, embedding);
  }
  const table = run(['embed', '--model', file, ...texts]);
  const [x, y] = lines.map((line) => line.embedding);
  const cosine = x.reduce((sum, value, i) => sum + value * y[i], 0).toFixed(3);
  assert.match(table.out, new RegExp(`^ 1.000  ${cosine} .* 住民票の写し\n +${cosine}  1.000 `));
  const llama = run(['embed', '--model', model, 'hello']);
  assert.equal(llama.status, 1);
  assert.match(llama.err, /llama model makes no embeddings/);
  assert.match(run(['run', '--model', file, 'hello']).err, /embeddings/);
  rmSync(directory, { recursive: true });
});

test('bench: a row for each test, the same as JSON', () => {
  const place = init();
  const words = ['bench', '--model', modelOf(place), '-p', '8,16', '-n', '4', '-t', '1,2', '-b', '1,3', '-r', '2'];
  const table = run(words);
  assert.equal(table.status, 0, table.err);
  const rows = table.out.trim().split('\n').slice(2).map((line) => line.split('|').map((cell) => cell.trim()));
  const json = JSON.parse(run([...words, '--json']).out);
  assert.equal(json.length, 12);
  assert.deepEqual(rows.map((cells) => cells.slice(4, 7).join(' ')), json.map((row) =>
    `${row.n_threads} ${row.n_sequences} ${row.n_gen ? `tg${row.n_gen}` : `pp${row.n_prompt}`}`));
  for (const row of json) assert.ok(row.avg_ts > 0 && row.samples_ts.length === 2 && row.stddev_ts >= 0);
  assert.match(run(['bench', '--model', modelOf(place), '-p', '100000', '-n', '0']).err, /context/);
  assert.equal(run(['bench', '-b', '0']).status, 2);
  place.remove();
});

test('run and chat take the same settings of the sampler', () => {
  const said = `丁寧語にしてください：${'とても、'.repeat(8)}寒い。`; // answered with the same again
  const plain = run(['run', said]);
  for (const narrow of [['--top-k', '1'], ['--min-p', '1'], ['--top-p', '1e-9']])
    assert.equal(run(['run', '--temperature', '2', ...narrow, said]).out, plain.out);
  const other = run(['run', '--repeat-penalty', '5', said]);
  assert.equal(other.status, 0, other.err);
  assert.notEqual(other.out, plain.out);
  for (const word of ['run', 'chat'])
    for (const wrong of [['--top-p', '2'], ['--min-p', 'nan'], ['--top-k', '-1'], ['--repeat-penalty', 'x'],
      ['--temperature', ''], ['--seed', '-1']])
      assert.equal(run([word, ...wrong, ...(word === 'run' ? ['x'] : [])]).status, 2, wrong.join(' '));
});

test('chat remembers, resets and quits', () => {
  const done = run(['chat'], { input: 'こんにちは\nありがとう\n/reset\nこんにちは\n/quit\n' });
  assert.equal(done.status, 0, done.err);
  const lines = done.out.split('\n').filter(Boolean);
  assert.equal(lines.length, 3);
  assert.equal(lines[2], lines[0], 'after /reset the same words again');
});

test('chat: an interrupt stops the answer, not the program', async () => {
  const child = spawn(sekisho, ['chat', '--temperature', '2'], { stdio: ['pipe', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (data) => { out += data; });
  child.stdin.write('こんにちは\n');
  while (!out && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 1));
  child.kill('SIGINT');
  child.stdin.end('/quit\n');
  const status = await new Promise((resolve) => child.once('exit', resolve));
  assert.equal(status, 0);
});

test('model add: digest, shape, licence, an answer; a damaged file is refused and nothing changes', () => {
  const place = init();
  const file = join(place.directory, 'mine.gguf');
  copyFileSync(modelOf(place), file);
  const good = run(['model', 'add', file, '--config', place.config]);
  assert.equal(good.status, 0, good.err);
  assert.match(good.out, /^sha256 +[0-9a-f]{64}$/m);
  assert.match(good.out, /^licence +\S/m);
  assert.match(good.out, /^served as +mine /m);
  const ids = () => [...readFileSync(place.config, 'utf8').matchAll(/- id: "(.*)"/g)].map((match) => match[1]);
  assert.deepEqual(ids(), ['sekisho-keigo', 'mine']);
  assert.equal(run(['model', 'add', file, '--config', place.config]).status, 0);
  assert.deepEqual(ids(), ['sekisho-keigo', 'mine'], 'the same name takes the same place');
  const before = readFileSync(place.config, 'utf8');
  truncateSync(file, 100_000);
  const bad = run(['model', 'add', file, '--config', place.config]);
  assert.equal(bad.status, 1);
  assert.match(bad.err, /mine\.gguf/);
  assert.equal(readFileSync(place.config, 'utf8'), before);
  place.remove();
});

test('a key made while the node runs works after SIGHUP, and not after it is taken away', async () => {
  const place = init();
  const node = await serve(place);
  const list = async (key) => (await fetch(`${node.url}/models`, { headers: { authorization: `Bearer ${key}` } })).status;
  const until = async (key, status) => {
    node.child.kill('SIGHUP');
    for (let i = 0; i < 100 && (await list(key)) !== status; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(await list(key), status);
  };
  const before = readFileSync(place.config, 'utf8');
  const key = run(['key', 'second', '--config', place.config]).out.trim();
  assert.match(key, /^sk-[0-9a-f]{48}$/);
  assert.equal(await list(key), 401);
  await until(key, 200);
  writeFileSync(place.config, before);
  await until(key, 401);
  assert.equal(await list(place.key), 200);
  writeFileSync(place.config, 'listen: [');
  node.child.kill('SIGHUP');
  for (let i = 0; i < 100 && !/reload kept=old/.test(node.log()); i++) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(await list(place.key), 200, 'a broken file changes nothing');
  assert.match(node.log(), /reload kept=old/);
  await node.stop();
  place.remove();
});

const refused = (place, says, environment = {}) => {
  const done = run(['serve', '--config', place.config], { env: { ...process.env, ...environment } });
  assert.equal(done.status, 1, done.out);
  assert.match(done.err.trim().split('\n').at(-1), says);
};

test('what keeps a node from starting is said in one line', async () => {
  const place = init();
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  refused(place, /in use.*stop the other program or set listen/, { SEKISHO_LISTEN: `127.0.0.1:${taken.address().port}` });
  taken.close();
  refused(place, /model sekisho-keigo: .*nowhere\.gguf: No such file/, { SEKISHO_MODEL_FILE: '/nowhere.gguf' });
  refused(place, /numeric address/, { SEKISHO_LISTEN: 'example.jp:1' });
  refused(place, /signing key/, { SEKISHO_DATA: join(place.directory, 'other') });
  const broken = join(place.directory, 'broken.gguf');
  writeFileSync(broken, Buffer.concat([readFileSync(modelOf(place)).subarray(0, 200_000)]));
  refused(place, /engine: /, { SEKISHO_MODEL_FILE: broken });
  writeFileSync(broken, 'GGUF');
  refused(place, /engine: /, { SEKISHO_MODEL_FILE: broken });
  const node = await serve(place);
  refused(place, /another node runs/);
  await node.stop();
  place.remove();
});

test('a log that was changed is not continued', async () => {
  const place = init();
  let node = await serve(place);
  for (let i = 0; i < 3; i++) {
    await fetch(`${node.url}/chat/completions`, {
      method: 'POST', headers: { authorization: `Bearer ${place.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'sekisho-keigo', max_tokens: 2, messages: [{ role: 'user', content: 'はい' }] }),
    });
  }
  await node.stop();
  const log = join(place.directory, 'data/ledger/log.000000');
  const bytes = readFileSync(log);
  bytes[bytes.indexOf('"verdict"') + 12] ^= 1;
  writeFileSync(log, bytes);
  refused(place, /ledger: /);
  place.remove();
});

test('doctor: everything is there, or what is not', () => {
  const place = init();
  const good = run(['doctor', '--config', place.config]);
  assert.equal(good.status, 0, good.out);
  assert.match(good.out, /engine +level=walled/);
  assert.match(good.out, /fort +nftables=/);
  assert.match(good.out, /level +(walled \(configured: walled\); for fortress the fort above is missing|fortress)/);
  const bad = run(['doctor', '--config', place.config], { env: { ...process.env, SEKISHO_MODEL_FILE: '/nowhere' } });
  assert.equal(bad.status, 1);
  assert.match(bad.out, /FAIL +model/);
  const policy = join(place.directory, 'policy.yaml');
  const today = new Date().toISOString().slice(0, 10);
  writeFileSync(policy, `format: 1\nname: d\nhome: JP\nplaces:\n  - id: lab\n    country: DE\n    operator: X\n    operator_home: DE\n    processing: single-region\n    url: https://api.example.de/v1\n    contract: C\n    contract_until: ${today}\n`);
  const looked = run(['doctor', '--config', place.config], { env: { ...process.env, SEKISHO_BORDER_POLICY: policy } });
  assert.equal(looked.status, 0, looked.out);
  assert.match(looked.out, new RegExp(`look +expires +place\\.lab contract_until ${today} is today`));
  assert.match(looked.out, /look +policy +place\.lab is off: /);
  writeFileSync(policy, 'format: 1\n');
  assert.match(run(['doctor', '--config', place.config], { env: { ...process.env, SEKISHO_BORDER_POLICY: policy } }).out,
    /FAIL +policy +\S+policy\.yaml:/);
  place.remove();
});

test('keyless: only this machine, by its own names', async () => {
  const place = init(['--keyless']);
  const node = await serve(place);
  const status = async (headers) => (await fetch(`${node.url}/models`, { headers })).status;
  assert.equal(await status({}), 200);
  assert.equal(await status({ origin: 'http://evil.example' }), 403);
  assert.equal(await status({ origin: new URL(node.url).origin }), 200);
  await node.stop();
  refused(place, /no key is configured/, { SEKISHO_LISTEN: '0.0.0.0:0' });
  place.remove();
});

test('an ordinary user runs the same node, from a copy of the program elsewhere', async () => {
  const user = asUser();
  const place = init([], user);
  const node = await serve(place, {}, user);
  const ready = await (await fetch(node.url.replace('/v1', '/readyz'))).json();
  assert.equal(ready.isolation, 'walled');
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  place.remove();
  user.remove();
});

test('tokenize shows tokens and joins them again, also of bytes that are no text', () => {
  const words = ['tokenize', '--no-bos', '--model', model];
  const shown = run([...words, '--json', 'こんにちは<|user|>']);
  assert.equal(shown.status, 0, shown.err);
  const { ids, pieces } = JSON.parse(shown.out);
  assert.equal(ids.length, pieces.length);
  assert.equal(pieces.join(''), 'こんにちは<|user|>'); // spelled out: no control token
  const joined = run([...words, '--detokenize', ...ids.map(String)]);
  assert.equal(joined.out, 'こんにちは<|user|>\n');
  const meant = JSON.parse(run([...words, '--special', '--json', '<|user|>']).out);
  assert.deepEqual(meant.pieces, ['']);
  const input = Buffer.concat([Buffer.from('a\n'), Buffer.from([0xe3, 0x81]), Buffer.from('\n\nb')]);
  const lines = run([...words, '--lines'], { input });
  assert.equal(lines.out.trimEnd().split('\n').map(JSON.parse).length, 4);
  assert.match(run([...words, 'hi']).out, /^ +\d+  "/);
  assert.equal(run([...words]).status, 2);
  assert.equal(run([...words, '--detokenize', '99999999']).status, 1);
});
