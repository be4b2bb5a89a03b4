// `sekisho train` as a person uses it: from texts to models, stopped and killed and gone on with,
// and all that can be wrong with its sources.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sekisho } from './node.mjs';

const vocabulary = new URL('../../models/sekisho-keigo.gguf', import.meta.url).pathname;
const template = "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}<s>assistant: {% endif %}";
let home;
const at = (name) => join(home, name);
const run = (...words) => {
  const done = spawnSync(sekisho, words, { encoding: 'utf8', cwd: home });
  return { status: done.status, out: done.stdout, err: done.stderr };
};

// A small chance that a seed repeats (mulberry32).
const chance = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};

const words = ['会議', '資料', '明日', '午後', '電話', '予約', '確認', '送付', '参加', '返事'];
const sentence = (next) => `${words[Math.floor(next() * 10)]}を${words[Math.floor(next() * 10)]}に${next() < 0.5 ? 'します' : 'しました'}。`;
const recipe = (name, more = {}) => {
  const { steps = 60, source = '{name: a, files: [a.txt], documents: line, licence: CC0-1.0}', extra = '' } = more;
  writeFileSync(at(`${name}.yaml`), `name: ${name}
output: ${more.output ?? name}
seed: 4
model: {layers: 2, width: 64, heads: 4, heads_kv: 2, ff: 160, context: 64}
tokenizer: {file: ${vocabulary}}
chat_template: "${template}"
data: {validation: 0.05, sources: [${source}]}
optimiser: {rate: 3e-3}
batch: {rows: 2}
steps: ${steps}
evaluate_every: 20
checkpoint_every: 7
${extra}`);
  return `${name}.yaml`;
};
const metrics = (name) => readFileSync(at(`${name}/metrics.jsonl`), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
// What must be the same however often a run was stopped.
const course = (name) => metrics(name).filter((m) => m.loss ?? m.validation_loss)
  .map(({ step, loss, validation_loss, rate, norm }) => ({ step, loss, validation_loss, rate, norm }));
const model = (name, type = 'F16') => readFileSync(at(`${name}/${name}-${type}.gguf`));

before(() => {
  home = mkdtempSync(join(tmpdir(), 'sekisho-train-'));
  const next = chance(1);
  writeFileSync(at('a.txt'), Array.from({ length: 800 }, () => sentence(next) + sentence(next)).join('\n'));
  writeFileSync(at('chat.jsonl'), Array.from({ length: 200 }, () => JSON.stringify({
    messages: [{ role: 'user', content: sentence(next) }, { role: 'assistant', content: 'はい、承知しました。' }],
  })).join('\n'));
});
after(() => rmSync(home, { recursive: true, force: true }));

test('a recipe becomes models that run, with its metrics, its curve and its record', () => {
  const done = run('train', recipe('whole', { extra: 'export: [F16, Q8_0]\n' }));
  assert.equal(done.status, 0, done.err);
  assert.deepEqual(done.out.trim().split('\n'), ['whole/whole-F16.gguf', 'whole/whole-Q8_0.gguf', 'whole/record.json']);
  assert.ok(!existsSync(at('whole/whole-F32.gguf')));
  const steps = metrics('whole').filter((m) => m.loss);
  assert.deepEqual(steps.map((m) => m.step), Array.from({ length: 60 }, (_, i) => i + 1));
  assert.ok(steps[59].loss < steps[0].loss - 3, `${steps[0].loss} to ${steps[59].loss}`);
  assert.deepEqual(metrics('whole').filter((m) => m.validation_loss).map((m) => m.step), [20, 40, 60]);
  assert.match(readFileSync(at('whole/loss.svg'), 'utf8'), /^<svg [\s\S]*validation \d[\s\S]*<\/svg>\n$/);
  const said = run('run', '--model', 'whole/whole-Q8_0.gguf', '--max-tokens', '12', '会議を');
  assert.equal(said.status, 0, said.err);
  const record = JSON.parse(readFileSync(at('whole/record.json'), 'utf8'));
  assert.equal(record.steps, 60);
  assert.equal(record.sources[0].licence, 'CC0-1.0');
  assert.equal(record.sources[0].bytes, statSync(at('a.txt')).size);
  assert.equal(record.outputs.length, 2);
  const card = run('model', 'card', 'whole/record.json');
  assert.equal(card.status, 0, card.err);
  assert.match(card.out, /CC0-1\.0/);
  // Again: nothing is left to do, and the same comes out.
  const before = model('whole');
  assert.match(run('train', 'whole.yaml').err, /goes on after step 60/);
  assert.ok(before.equals(model('whole')));
  // And elsewhere, of a copy of its sources.
  mkdirSync(at('elsewhere'));
  for (const file of ['a.txt', 'whole.yaml']) copyFileSync(at(file), at(`elsewhere/${file}`));
  const copy = spawnSync(sekisho, ['train', 'whole.yaml'], { encoding: 'utf8', cwd: at('elsewhere') });
  assert.equal(copy.status, 0, copy.stderr);
  assert.ok(before.equals(readFileSync(at('elsewhere/whole/whole-F16.gguf'))));
});

test('killed at any moment, and at any number of threads, it comes to the same bytes', async () => {
  const seed = Number(process.env.SEKISHO_SEED ?? Date.now() % 1e9);
  console.log(`seed ${seed}`);
  const next = chance(seed);
  const steps = 120;
  recipe('tough', { steps });
  recipe('quiet', { steps });
  assert.equal(run('train', '--threads', '1', 'quiet.yaml').status, 0);
  const length = (file) => (existsSync(at(file)) ? statSync(at(file)).size : 0);
  const whole = length('quiet/metrics.jsonl');
  let kills = 0;
  for (let life = 1; life <= 7; life++) { // each ends in its eighth of the run, somewhere
    const until = (whole * (life - next())) / 8;
    const child = spawn(sekisho, ['train', '--threads', String(1 + Math.floor(next() * 3)), 'tough.yaml'], { cwd: home, stdio: 'ignore' });
    const over = new Promise((resolve) => child.on('exit', resolve));
    while (child.exitCode === null && length('tough/metrics.jsonl') < until) await sleep(1);
    kills += child.exitCode === null;
    child.kill('SIGKILL');
    await over;
  }
  const last = run('train', 'tough.yaml');
  assert.equal(last.status, 0, last.err);
  assert.ok(kills > 0);
  const [was, is] = [course('quiet'), course('tough')];
  was.forEach((line, i) => assert.deepEqual(is[i], line));
  assert.equal(is.length, was.length);
  // But for its name.
  const named = Buffer.from(model('tough').toString('latin1').replaceAll('tough', 'quiet'), 'latin1');
  assert.ok(named.equals(model('quiet')));
});

test('asked to stop, it writes a checkpoint, says how it goes on, and ends with 0', async () => {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    recipe(signal, { steps: 1_000_000, extra: '' });
    const child = spawn(sekisho, ['train', `${signal}.yaml`], { cwd: home, stdio: ['ignore', 'ignore', 'pipe'] });
    let err = '';
    child.stderr.on('data', (text) => { err += text; });
    const over = new Promise((resolve) => child.on('close', resolve));
    while (!/step 20 /.test(err) && child.exitCode === null) await sleep(20);
    child.kill(signal);
    assert.equal(await over, 0, err);
    const step = Number(/stopped after step (\d+); the same command goes on/.exec(err)[1]);
    const again = spawn(sekisho, ['train', `${signal}.yaml`], { cwd: home, stdio: ['ignore', 'ignore', 'pipe'] });
    err = '';
    again.stderr.on('data', (text) => { err += text; });
    const end = new Promise((resolve) => again.on('close', resolve));
    while (!/validation/.test(err) && again.exitCode === null) await sleep(20);
    // Meanwhile the directory is taken.
    assert.match(run('train', `${signal}.yaml`).err, /another run is in it/);
    again.kill(signal);
    assert.equal(await end, 0, err);
    assert.match(err, new RegExp(`goes on after step ${step},`));
    const steps = metrics(signal).filter((m) => m.loss).map((m) => m.step);
    steps.forEach((is, i) => assert.equal(is, i + 1));
  }
});

test('what is wrong with sources and recipes is named', () => {
  const refused = (name, source, why) => {
    const done = run('train', recipe(name, { source, output: 'bad' }));
    assert.equal(done.status, 1, done.err);
    assert.match(done.err, why);
  };
  const one = (file, more = '') => `{name: b, files: [${file}], licence: MIT${more}}`;
  writeFileSync(at('latin.txt'), Buffer.concat([Buffer.from('はい\nabc'), Buffer.from([0xe9]), Buffer.from('d\n')]));
  refused('latin', one('latin.txt'), /latin\.txt: byte 10 \(0xe9\): not UTF-8/);
  writeFileSync(at('empty.txt'), '');
  refused('empty', one('empty.txt'), /source b: nothing to learn is left of it: 0 documents filtered/);
  refused('short', one('a.txt', ', documents: line, filters: {characters_min: 1000}'), /800 documents filtered/);
  refused('absent', one('nowhere.txt'), /nowhere\.txt: No such file/);
  writeFileSync(at('bad.jsonl'), '{"messages":[{"role":"user"}]}\n');
  refused('jsonl', one('bad.jsonl', ', format: chat'), /bad\.jsonl: line 1: messages\[0\]\.content/);
  refused('licence', '{name: b, files: [a.txt]}', /licence\.yaml:\d+:\d+: licence: it is needed and missing/);
  writeFileSync(at('cut.txt.zst'), Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58]));
  refused('cut', one('cut.txt.zst'), /cut\.txt\.zst: the compressed file ends too early/);
  const long = Array.from({ length: 40 }, (_, i) => `{name: s${i}, files: [a.txt], licence: MIT, attribution: "${'x'.repeat(400)}"}`);
  refused('long', long.join(','), /record\.json: record: \d+ bytes, at most 15360: name fewer sources/);
  assert.ok(!existsSync(at('bad/checkpoint'))); // found out before the first step
  const ledger = run('train', '--ledger', 'nowhere.yaml', recipe('ledger', {}));
  assert.match(ledger.err, /nowhere\.yaml: No such file/);
  assert.ok(!existsSync(at('ledger')));
  assert.equal(run('train', 'nowhere.yaml').status, 1);
  assert.equal(run('train').status, 2);
  assert.equal(run('train', '--threads', '0', 'a.yaml').status, 2);
});

// A limit of the size of files stands for the disk: blocks of 1 KiB.
const full = (blocks, ...words) => spawnSync('bash', ['-c', `trap "" XFSZ; ulimit -f ${blocks}; exec "$@"`,
  'bash', sekisho, ...words], { encoding: 'utf8', cwd: home });

test('a full disk is told by the name of the file', () => {
  for (const [blocks, why] of [[5, /train\.ids: write: File too large/], [500, /the checkpoint of step 7 is not written/]]) {
    const done = full(blocks, 'train', recipe('full'));
    assert.equal(done.status, 1, done.stderr);
    assert.match(done.stderr, why);
  }
  assert.ok(!existsSync(at('full/checkpoint')));
});

test('a vocabulary of files: whole or not there, and no name is taken', () => {
  const words = ['train', 'tokenizer', '--data', 'a.txt', '--vocabulary', '300', '--out', 'v.gguf'];
  assert.match(run(...words, '--spm', './v.gguf').err, /--out and --spm are one file, \.\/v\.gguf/);
  assert.ok(!existsSync(at('v.gguf.tmp')));
  const before = readdirSync(home);
  const disk = full(4, ...words, '--spm', 'v.model');
  assert.equal(disk.status, 1);
  assert.match(disk.stderr, /v\.gguf\.tmp: File too large/);
  assert.match(run(...words, '--spm', 'nowhere/v.model').err, /nowhere\/v\.model\.tmp: No such file/);
  assert.deepEqual(readdirSync(home), before);
  const done = run(...words, '--spm', 'v.model');
  assert.equal(done.status, 0, done.err);
  assert.match(done.out, /^vocabulary  300 tokens$/m);
  // Before anything is read and learned.
  const again = run(...words.map((word) => (word === 'a.txt' ? 'nowhere.txt' : word)));
  assert.equal(again.status, 1);
  assert.match(again.err, /v\.gguf exists: give another name, or --force/);
});

test('a changed recipe is not gone on with', () => {
  recipe('change', { steps: 20, extra: 'export: [f32]\n' });
  assert.equal(run('train', 'change.yaml').status, 0);
  assert.ok(existsSync(at('change/change-f32.gguf')), 'types are named as they are written');
  recipe('change', { steps: 30, extra: 'export: [f32]\n' });
  const changed = run('train', 'change.yaml');
  assert.equal(changed.status, 1);
  assert.match(changed.err, /'steps 30' was 'steps 20'/);
  assert.equal(run('train', '--fresh', 'change.yaml').status, 0);
  assert.equal(metrics('change').filter((m) => m.loss).length, 30);
});

test('a vocabulary of its own is learned once, and says nothing personal', () => {
  writeFileSync(at('mail.txt'), readFileSync(at('a.txt'), 'utf8').split('\n')
    .map((line, i) => `${line}連絡先はtaro.yamada@example.co.jpです。${i}`).join('\n'));
  const own = () => {
    const made = recipe('own', { steps: 10, source: '{name: m, files: [mail.txt], documents: line, licence: MIT}' });
    const text = readFileSync(at(made), 'utf8')
      .replace(/tokenizer:.*/, 'tokenizer: {train: {vocabulary: 400, controls: ["<|im_end|>"]}}')
      .replace('validation: 0.05,', 'validation: 0.05, scrub: {mode: mask, only: [email]},');
    writeFileSync(at(made), text);
    return run('train', made);
  };
  const done = own();
  assert.equal(done.status, 0, done.err);
  const made = statSync(at('own/tokenizer.gguf')).mtimeMs;
  assert.ok(!readFileSync(at('own/tokenizer.gguf')).includes('yamada'));
  assert.equal(own().status, 0);
  assert.equal(statSync(at('own/tokenizer.gguf')).mtimeMs, made);
  const said = run('run', '--model', 'own/own-F16.gguf', '--max-tokens', '4', '会議を');
  assert.equal(said.status, 0, said.err);
});

test('conversations teach an adapter of a quantised model', () => {
  assert.ok(existsSync(at('whole/whole-Q8_0.gguf')));
  writeFileSync(at('lora.yaml'), `name: lora
output: lora
base: whole/whole-Q8_0.gguf
lora: {rank: 4, dropout: 0.05}
data: {validation: 0.1, sources: [{name: c, files: [chat.jsonl], format: chat, licence: MIT}]}
optimiser: {rate: 1e-2, decay: 0}
batch: {rows: 2}
epochs: 8
precision: {moments: bf16, activations: bf16, checkpoints: true}
`);
  const done = run('train', 'lora.yaml');
  assert.equal(done.status, 0, done.err);
  const losses = metrics('lora').filter((m) => m.loss);
  assert.ok(losses.at(-1).loss < losses[0].loss - 2, `${losses[0].loss} to ${losses.at(-1).loss}`);
  const merged = run('model', 'merge', 'whole/whole-Q8_0.gguf', 'lora/lora-F16.gguf', 'merged.gguf', '--type', 'F16');
  assert.equal(merged.status, 0, merged.err);
});

test('texts teach an adapter of a qwen2, biases and all, which our engine computes as it was learned', () => {
  assert.equal(spawnSync(process.env.MAKE_GGUF, ['qwen2', 'F32', at('qwen2.gguf')]).status, 0);
  const text = `name: qwen
output: qwen
base: qwen2.gguf
lora: {rank: 4}
data: {validation: 0.1, sources: [{name: a, files: [a.txt], documents: line, licence: MIT}]}
optimiser: {rate: 1e-2, decay: 0}
batch: {rows: 1, context: 128}
steps: 20
`;
  writeFileSync(at('qwen.yaml'), text);
  const done = run('train', 'qwen.yaml');
  assert.equal(done.status, 0, done.err);
  assert.equal(JSON.parse(readFileSync(at('qwen/record.json'), 'utf8')).architecture, 'qwen2');
  const bits = (...words) => {
    const said = run('perplexity', '--model', 'qwen2.gguf', '--context', '128', '--json', ...words, 'a.txt');
    assert.equal(said.status, 0, said.err);
    return JSON.parse(said.out).bits_per_byte;
  };
  const without = bits(), beside = bits('--adapter', 'qwen/qwen-F16.gguf');
  assert.ok(beside < without / 2, `${without} to ${beside}`);
  writeFileSync(at('qwen.yaml'), text.replace(/lora:.*\n/, '').replace('output: qwen', 'output: no'));
  assert.match(run('train', 'qwen.yaml').err, /a qwen2 model learns beside it only: give `lora`/);
});
