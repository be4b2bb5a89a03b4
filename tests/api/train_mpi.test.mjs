// Training on several processes: the losses of one, the same bits on all, and going on after one
// was killed. And that nothing but sekisho-train-mpi links MPI.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sekisho } from './node.mjs';

const trainer = join(dirname(sekisho), 'sekisho-train-mpi');
const vocabulary = new URL('../../models/sekisho-keigo.gguf', import.meta.url).pathname;
// Two ranks may have one core here, and containers refuse what the fastest copies need.
const words = (ranks, ...more) => ['--allow-run-as-root', '--oversubscribe', '--bind-to', 'none',
  '--mca', 'mpi_yield_when_idle', '1', '--mca', 'btl_vader_single_copy_mechanism', 'none', '-n', `${ranks}`,
  trainer, '--threads', '1', ...more, 'recipe.yaml'];
const env = { ...process.env, TMPDIR: '/tmp' };
const STEPS = 40;

let home;
before(() => { home = mkdtempSync(join(tmpdir(), 'sekisho-mpi-')); });
after(() => rmSync(home, { recursive: true, force: true }));

// The losses so far.
function metrics(directory) {
  const file = join(directory, 'out/metrics.jsonl');
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [''];
  return lines.slice(0, -1).map((line) => JSON.parse(line)).filter((line) => 'loss' in line || 'validation_loss' in line);
}

// A directory with a recipe and its text.
function place(name, change = (text) => text) {
  const directory = join(home, name);
  mkdirSync(directory);
  const lines = [];
  for (let i = 0, n = 7; i < 600; i++) {
    const line = [];
    for (let k = 0; k < 8; k++) {
      n = (n * 1103515245 + 12345) % 2147483648;
      line.push(['the', 'cat', 'sat', 'on', 'a', 'mat', 'and', 'saw', 'rain'][Math.floor(n / 65536) % 9]);
    }
    lines.push(line.join(' '));
    if (i % 10 === 0) lines.push('日本語'); // three characters, for every process
  }
  writeFileSync(join(directory, 'a.txt'), `${lines.join('\n')}\n`);
  writeFileSync(join(directory, 'recipe.yaml'), change(`name: tiny
output: out
seed: 1
model: {layers: 2, width: 32, heads: 2, ff: 48, context: 16}
tokenizer: {file: ${vocabulary}}
data: {validation: 0.05, sources: [{name: a, files: [a.txt], documents: line, licence: MIT, filters: {drop_lines: ['^.{3}$']}}]}
batch: {rows: 25, accumulate: 2} # steps long enough to be met under way
steps: ${STEPS}
evaluate_every: 10
checkpoint_every: 4
export: [F32]
`));
  return {
    directory,
    run(program, args) { return spawnSync(program, args, { cwd: directory, env, encoding: 'utf8' }); },
    start(ranks) {
      const child = spawn('mpirun', words(ranks), { cwd: directory, env });
      const done = { out: '', err: '' };
      child.stdout.on('data', (bytes) => { done.out += bytes; });
      child.stderr.on('data', (bytes) => { done.err += bytes; });
      const end = new Promise((resolve) => child.on('close', (status) => resolve({ status, ...done })));
      return { child, end };
    },
    metrics() { return metrics(directory); },
  };
}

function near(is, want) {
  assert.equal(is.length, want.length);
  is.forEach((line, i) => {
    assert.equal(line.step, want[i].step);
    for (const field of ['loss', 'validation_loss'])
      if (field in want[i]) assert.ok(Math.abs(line[field] - want[i][field]) < 1e-5, `step ${line.step}: ${line[field]} ${want[i][field]}`);
  });
}
const alike = (ranks, out) => new RegExp(`^same on ${ranks} +([0-9a-f]{64})$`, 'm').exec(out)?.[1];

// The process of a rank, once it says so itself.
function pidOf(mpirun, rank) {
  for (const pid of readFileSync(`/proc/${mpirun}/task/${mpirun}/children`, 'utf8').trim().split(' '))
    if (readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`OMPI_COMM_WORLD_RANK=${rank}`)) return Number(pid);
  return assert.fail(`rank ${rank} is not there`);
}

test('two and three ranks have the losses of one process, and the same bits each time', () => {
  const one = place('one');
  const done = one.run(sekisho, ['train', '--threads', '1', 'recipe.yaml']);
  assert.equal(done.status, 0, done.stderr);
  const want = one.metrics();
  assert.equal(want.length, STEPS + STEPS / 10);
  const digests = [];
  for (const [name, ranks] of [['two', 2], ['again', 2], ['three', 3]]) {
    const many = place(name);
    const ended = many.run('mpirun', words(ranks));
    assert.equal(ended.status, 0, ended.stderr);
    digests.push(alike(ranks, ended.stdout));
    assert.ok(digests.at(-1), ended.stdout);
    near(many.metrics(), want);
    assert.ok(existsSync(join(many.directory, 'out/tiny-F32.gguf')));
  }
  assert.equal(digests[0], digests[1]);
});

test('a rank is killed: all end and it is said; the same command goes on, bit for bit', async () => {
  const whole = place('whole'), killed = place('killed');
  const want = whole.run('mpirun', words(2));
  assert.equal(want.status, 0, want.stderr);
  const { child, end } = killed.start(2);
  while (killed.metrics().length < 8 && child.exitCode === null) await sleep(2);
  const rank = pidOf(child.pid, 1);
  process.kill(rank, 'SIGSTOP'); // nobody goes on without it
  const before = killed.metrics().length;
  process.kill(rank, 'SIGKILL');
  const fallen = await end;
  assert.notEqual(fallen.status, 0);
  assert.match(fallen.err + fallen.out, /rank 1 .*signal 9/s);
  assert.ok(before < STEPS);
  const is = killed.run('mpirun', words(2));
  assert.equal(is.status, 0, is.stderr);
  assert.match(is.stderr, /goes on after step \d+/);
  assert.equal(alike(2, is.stdout), alike(2, want.stdout));
  const losses = (at) => at.metrics().map(({ step, loss, validation_loss }) => ({ step, loss, validation_loss }));
  assert.deepEqual(losses(killed), losses(whole));
});

test('a signal to mpirun ends all after a step; one process goes on with it', async () => {
  const stopped = place('stopped');
  const { child, end } = stopped.start(2);
  while (stopped.metrics().length < 3 && child.exitCode === null) await sleep(2);
  child.kill('SIGUSR1');
  const done = await end;
  assert.equal(done.status, 0, done.err);
  assert.match(done.err, /stopped after step \d+/);
  assert.ok(alike(2, done.out));
  const rest = stopped.run(sekisho, ['train', 'recipe.yaml']);
  assert.equal(rest.status, 0, rest.stderr);
  assert.match(rest.stderr, /goes on after step \d+/);
  near(stopped.metrics(), metrics(join(home, 'one')));
});

test('what one rank cannot do ends all of them, with its reason', () => {
  const few = place('few', (text) => text.replace('rows: 25, accumulate: 2', 'rows: 1'));
  const done = few.run('mpirun', words(2));
  assert.notEqual(done.status, 0);
  assert.match(done.stderr, /rank \d: batch: a step has 1 rows/);
  const none = place('none', (text) => text.replace('a.txt', 'b.txt'));
  const gone = none.run('mpirun', words(2));
  assert.notEqual(gone.status, 0);
  assert.match(gone.stderr, /rank 0: .*b\.txt/);
});

test('MPI is linked by no other program, and by no room', () => {
  const build = dirname(sekisho), rooms = join(build, 'libexec/sekisho');
  const programs = [sekisho, join(build, 'sekisho-verify'), ...readdirSync(rooms).map((name) => join(rooms, name))];
  assert.ok(programs.length >= 8);
  for (const program of programs)
    assert.doesNotMatch(spawnSync('ldd', [program], { encoding: 'utf8' }).stdout, /mpi|open-rte|open-pal/, program);
  assert.match(execFileSync('ldd', [trainer], { encoding: 'utf8' }), /libmpi/);
});
