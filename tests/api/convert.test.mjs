// `sekisho model quantize`: what is written, and what a full disk, a taken name or wrong words
// leave: nothing.
import test from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sekisho } from './node.mjs';

const model = new URL('../../models/sekisho-keigo.gguf', import.meta.url).pathname;
const directory = mkdtempSync(join(tmpdir(), 'sekisho-convert-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
const at = (name) => join(directory, name);
const run = (...words) => {
  const done = spawnSync(sekisho, ['model', ...words], { encoding: 'utf8', timeout: 60_000 });
  return { status: done.status, out: done.stdout, err: done.stderr };
};

test('a model is written as other types, and answers', () => {
  const exact = run('quantize', model, at('f32.gguf'), '--type', 'f32');
  assert.equal(exact.status, 0, exact.err);
  assert.equal(exact.out + exact.err, '');
  const small = run('quantize', at('f32.gguf'), at('q4.gguf'), '--type', 'Q4_K_M', '--threads', '1');
  assert.equal(small.status, 0, small.err);
  assert.ok(statSync(at('q4.gguf')).size < statSync(at('f32.gguf')).size / 4);
  const again = run('quantize', at('q4.gguf'), at('q8.gguf'), '--type', 'Q8_0');
  assert.match(again.err, /q4\.gguf was quantised already: what it lost there stays lost/);
  const answer = spawnSync(sekisho, ['run', '--model', at('q4.gguf'), '丁寧語にしてください：駅から歩いて行く。'], { encoding: 'utf8' });
  assert.equal(answer.status, 0, answer.stderr);
  assert.match(answer.stdout, /[ぁ-ん]/);
  const threads = run('quantize', at('f32.gguf'), at('two.gguf'), '--type', 'Q4_K_M', '--threads', '2');
  assert.equal(threads.status, 0, threads.err);
  assert.ok(readFileSync(at('q4.gguf')).equals(readFileSync(at('two.gguf'))));
});

test('a taken name is taken; --force writes over it, itself included', () => {
  writeFileSync(at('taken.gguf'), 'mine');
  const done = run('quantize', model, at('taken.gguf'), '--type', 'Q8_0');
  assert.equal(done.status, 1);
  assert.match(done.err, /taken\.gguf exists: give another name, or --force/);
  assert.equal(readFileSync(at('taken.gguf'), 'utf8'), 'mine');
  assert.equal(run('quantize', model, at('taken.gguf'), '--type', 'Q8_0', '--force').status, 0);
  const before = readFileSync(at('taken.gguf'));
  assert.equal(run('quantize', at('taken.gguf'), at('taken.gguf'), '--type', 'Q8_0', '--force').status, 0);
  assert.ok(before.equals(readFileSync(at('taken.gguf'))));
});

test('a full disk is told and leaves nothing; so do wrong words', () => {
  const before = readdirSync(directory);
  // A limit of the size of files stands for the disk: 1000 blocks of 1 KiB.
  const full = spawnSync('bash', ['-c', 'trap "" XFSZ; ulimit -f 1000; exec "$@"', 'bash', sekisho, 'model',
    'quantize', model, at('full.gguf'), '--type', 'F32'], { encoding: 'utf8' });
  assert.equal(full.status, 1);
  assert.match(full.stderr, /full\.gguf\.tmp: File too large/);
  for (const [status, text, ...words] of [
    [2, /--type is needed/, 'quantize', model, at('x.gguf')],
    [2, /takes IN and OUT/, 'quantize', model, '--type', 'Q8_0'],
    [2, /--threads 0/, 'quantize', model, at('x.gguf'), '--type', 'Q8_0', '--threads', '0'],
    [2, /takes BASE, ADAPTER and OUT/, 'merge', model, at('x.gguf')],
    [1, /key general\.type: "model", not "adapter"/, 'merge', model, model, at('x.gguf')],
    [1, /type Q9: must be F32/, 'quantize', model, at('x.gguf'), '--type', 'Q9'],
    [1, /nothing\.gguf: No such file/, 'quantize', at('nothing.gguf'), at('x.gguf'), '--type', 'F16'],
    [1, /not a GGUF file/, 'quantize', sekisho, at('x.gguf'), '--type', 'F16'],
    [1, /nowhere\/x\.gguf\.tmp: No such file/, 'quantize', model, at('nowhere/x.gguf'), '--type', 'F16'],
  ]) {
    const done = run(...words);
    assert.equal(done.status, status, words.join(' '));
    assert.match(done.err, text);
  }
  assert.deepEqual(readdirSync(directory), before);
  assert.ok(!existsSync(at('full.gguf')));
});
