// `sekisho eval` and `sekisho keigo`: figures that can be reckoned by hand, the same on a terminal
// and as JSON, and what is refused.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sekisho } from './node.mjs';

const model = new URL('../../models/sekisho-keigo.gguf', import.meta.url).pathname;
const directory = mkdtempSync(join(tmpdir(), 'sekisho-eval-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
const run = (words, input) => {
  const done = spawnSync(sekisho, words, { encoding: 'utf8', input });
  return { status: done.status, out: done.stdout, err: done.stderr };
};
const file = (name, text) => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};
const figures = (words) => {
  const done = run(['eval', ...words, '--json']);
  assert.equal(done.status, 0, done.err);
  return JSON.parse(done.out);
};
const near = (is, should) => assert.ok(Math.abs(is - should) < 1e-9, `${is}, not ${should}`);

const pairs = 'from\tto\ttopic\tsrc\ttgt\n4\t3\tx\t明日行く。\t明日行きます。\n3\t1\tx\t行きます。\t参ります。\n' +
  '4\t3\tx\tもう寝る。\tもう寝ましょう。\n';

test('polite by rules: exact and distance as by hand; the same again, and on a terminal', () => {
  const path = file('pairs.tsv', pairs);
  const done = figures(['polite', '--by', 'rules', path]);
  assert.equal(done.by, 'rules');
  assert.equal(done.model_sha256, undefined);
  assert.deepEqual(Object.keys(done.figures), ['polite ending', 'exact', 'character error rate', 'chrF']);
  near(done.figures.exact.value, 0.5); // rows of other levels are left out
  near(done.figures['polite ending'].value, 1);
  near(done.figures['character error rate'].value, 3 / 15); // 寝ます, 寝ましょう
  for (const figure of Object.values(done.figures)) {
    assert.equal(figure.items, 2);
    assert.ok(figure.low <= figure.value && figure.value <= figure.high);
  }
  assert.deepEqual(figures(['polite', '--by', 'rules', path]), done);
  const table = run(['eval', 'polite', '--by', 'rules', path]);
  assert.match(table.out, /task {3}polite, by rules\n/);
  assert.match(table.out, /\nexact +0\.5000 +0\.0945 +… 0\.9055 +2\n/); // Wilson's for 1 of 2
});

test('levels and direction: of each level, within one; the model is named by its digest', () => {
  const path = file('levels.csv', '本文,Level\n行くよ。,4\n行きます。,3\n"先生が、いらっしゃいます。",2\n行くよ。,1\n');
  const rules = figures(['levels', '--by', 'rules', path]).figures;
  near(rules.exact.value, 0.5); // いらっしゃいます is 1 by the marks
  near(rules['within one'].value, 0.75);
  near(rules['recall of level 3'].value, 1);
  near(rules['recall of level 1'].value, 0);
  const both = figures(['levels', '--model', model, path]);
  assert.equal(both.model_sha256, createHash('sha256').update(readFileSync(model)).digest('hex'));
  assert.equal(both.figures.exact.items, 4);
  const two = figures(['direction', '--model', model,
    file('direction.tsv', 'text\tverdict\n先生が参ります。\twrong\n私が参ります。\tright\n')]).figures;
  assert.equal(two['wrong ones noticed'].items, 1);
  assert.equal(two.exact.items, 2);
});

test('text, choice and generate of any model', () => {
  const text = file('text', '明日の会議を欠席するので、資料を送ってもらえると助かります。\n'.repeat(30));
  const done = figures(['text', '--model', model, text]).figures;
  assert.ok(done.perplexity.value > 1 && done['bits per byte'].value > 0);
  assert.ok(done.perplexity.low <= done.perplexity.value && done.perplexity.value <= done.perplexity.high);
  // However long beside the model's context; and only the first chunks of it.
  const long = file('long', '明日の会議を欠席するので、資料を送ってもらえると助かります。\n'.repeat(2000));
  assert.equal(figures(['text', '--limit', '2', '--model', model, long]).figures.perplexity.items, 2);
  const choices = file('choices.jsonl', '{"question":"丁寧語にしてください：荷物を預かる。","choices":["荷物を預かります。","を の が は"],"answer":0}\n');
  assert.equal(figures(['choice', '--model', model, choices]).figures['likeliest by byte is right'].value, 1);
  const asked = '丁寧語にしてください：荷物を預かる。', answer = run(['run', '--model', model, asked]).out.trim();
  const turns = file('turns.jsonl', JSON.stringify({ messages: [{ role: 'user', content: asked },
    { role: 'assistant', content: answer }] }) + '\n');
  const made = figures(['generate', '--model', model, turns]).figures;
  assert.equal(made.exact.value, 1);
  near(made.chrF.value, 100);
});

test('what is refused, by row and word', () => {
  for (const [words, told] of [
    [['levels', '--by', 'rules', file('a', '本文,Level\nx,5\n')], /row 2: Level is 1, 2, 3 or 4/],
    [['levels', '--by', 'rules', file('b', 'text,Level\nx,1\n')], /no column 本文/],
    [['levels', '--by', 'rules', file('c', '本文,Level\n"x,1\n')], /row 2: a quote is never closed/],
    [['polite', '--by', 'rules', file('d', 'from\tto\tsrc\ttgt\n4\t3\n')], /row 2: 2 fields, 3 are needed/],
    [['direction', '--model', model, file('e', 'text\tverdict\nx\tmaybe\n')], /verdict is right or wrong/],
    [['choice', '--model', model, file('f', '{"question":"x","choices":["a"],"answer":1}\n')], /line 1: "question"/],
    [['generate', '--model', model, file('g', '{"messages":[{"role":"user","content":"x"}]}\n')], /line 1: "messages"/],
    [['generate', '--model', model, file('h', '{"messages"')], /line 1/],
    [['text', '--model', model, file('i', '')], /i: the text is empty/],
    [['text', '--model', model, file('l', Buffer.from('e38182ff0a', 'hex'))], /l: byte 3 \(0xff\): not UTF-8/],
    [['levels', '--by', 'rules', file('m', '本文,Level\n')], /m: it has no items of this task/],
    [['polite', '--by', 'rules', file('n', 'from\tto\tsrc\ttgt\n3\t1\tx\ty\n')], /no items/],
    [['choice', '--model', model, file('o', '\n\n')], /no items/],
    [['levels', '--by', 'rules', file('p', `本文,Level\nx,1\n${'あ'.repeat(1000)},1\n`)], /p: csv: row 3: .*at most 2048/],
    [['text', '--model', join(directory, 'none'), file('k', 'x')], /No such file/]]) {
    const done = run(['eval', ...words]);
    assert.equal(done.status, 1, done.out);
    assert.match(done.err, told);
    assert.equal(done.out, '');
  }
  for (const words of [[], ['fly', 'x'], ['text', '--by', 'rules', 'x'], ['levels', '--limit', '0', 'x'],
    ['text', '--levels', 'x', 'x'], ['levels', '--by', 'me', 'x']])
    assert.equal(run(['eval', ...words]).status, 2);
});

test('keigo: rules rewrite without a model; a model judges; lines of standard input', () => {
  const done = run(['keigo', 'rewrite', '--by', 'rules', '--to', 'humble', '明日、行く。', '資料を見た。']);
  assert.equal(done.status, 0, done.err);
  assert.equal(done.out, '明日、伺います。\n資料を拝見しました。\n');
  const lines = run(['keigo', 'rewrite', '--by', 'rules', '--json', '-'], '寒いね。\n\n彼は学生だ。\n');
  assert.deepEqual(lines.out.trim().split('\n').map(JSON.parse),
    [{ text: '寒いね。', rewritten: '寒いですね。' }, { text: '彼は学生だ。', rewritten: '彼は学生です。' }]);
  const level = JSON.parse(run(['keigo', 'level', '--by', 'rules', '--json', '行くよ。']).out);
  assert.deepEqual(level, { text: '行くよ。', level: 4, likelihood: 1 });
  const both = run(['keigo', 'rewrite', '--model', model, '知らないの？']);
  assert.match(both.out, /^知.*か？\n$/); // one of the rules' candidates, whatever the model
  const check = run(['keigo', 'check', '--by', 'model', '--model', model, '先生が参ります。']);
  assert.match(check.out, /^(fits|does not fit) {2}\([01]\.\d\d\)\n$/);
  assert.equal(run(['keigo', 'check', '--by', 'rules', '先生が参ります。']).out,
    'does not fit  (0.90)  「参り」は謙譲語ですが、「先生」の動作です。尊敬語を使います。\n');
  const fits = JSON.parse(run(['keigo', 'check', '--model', model, '--json', '父が参ります。']).out);
  assert.deepEqual(fits, { text: '父が参ります。', fits: true, likelihood: 0.85,
    reason: '「参り」は謙譲語で、「父」の動作に合っています。' });
  // Without a file of weights those that came with the program; beside the model, not instead of it.
  const said = 'お客様がいらっしゃいました。', levels = (...words) => JSON.parse(run(['keigo', 'level', '--json', ...words, said]).out);
  assert.deepEqual(levels(), levels('--model', model, '--levels', model.replace('.gguf', '-levels.bin')));
  assert.notDeepEqual(levels(), levels('--by', 'model'));
  for (const words of [[], ['rewrite'], ['rewrite', '--levels', 'x', 'y'], ['rewrite', '--to', 'rude', 'x'], ['sing', 'x'], ['level', '--by', 'me', 'x']])
    assert.equal(run(['keigo', ...words]).status, 2);
  assert.match(run(['keigo', 'rewrite', '--by', 'rules', 'あ'.repeat(1000)]).err, /at most 2048/);
});
