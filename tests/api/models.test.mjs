// Several models in one node: chosen by name, loaded when asked for, under one budget of memory.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, closeSync, copyFileSync, existsSync, openSync, readFileSync, readdirSync, statSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { configure, init, sekisho, serve, unending, verify } from './node.mjs';
import { endless } from './scripted.mjs';
import { splitGguf } from './split.mjs';

const fileOf = (place) => /file: "(.*)"/.exec(readFileSync(place.config, 'utf8'))[1];
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const ask = (node, model, extra = {}, signal) => fetch(`${node.url}/chat/completions`, {
  method: 'POST', signal, headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ model, messages: [{ role: 'user', content: 'はい' }], temperature: 0, max_tokens: 8, ...extra }),
});
const text = async (response) => {
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()).choices[0].message.content;
};
const models = async (node) => (await (await fetch(`${node.url}/models`)).json()).data;
const loaded = async (node) => (await models(node)).filter((model) => model.sekisho.loaded).map((model) => model.id);

// A keyless place with these models: [id, file], and lines for the engine.
function place(rows, engine = {}) {
  const made = init(['--keyless']);
  const list = rows(fileOf(made), made.directory)
    .map(([id, file, more = '']) => `  - {id: "${id}", file: "${file}", parallel: 2${more}}\n`).join('');
  configure(made, [[/models:\n( .*\n)+/, `models:\n${list}`]]);
  for (const [name, value] of Object.entries(engine)) configure(made, [[new RegExp(`${name}: \\d+`), `${name}: ${value}`]]);
  return made;
}
// 74 MB of random weights.
const makeSmall = (file) => execFileSync(process.env.ENGINE_MODEL, ['small', 'Q8_0', file]);
const copies = (names) => (file, directory) => names.map((name) => {
  const to = join(directory, `${name}.gguf`);
  copyFileSync(file, to);
  return [name, to];
});
// The same of a model whose answers have as many tokens as are asked for.
const endlessCopies = (names) => (_, directory) => {
  endless(directory);
  return copies(names)(join(directory, 'endless.gguf'), directory);
};
const running = async (node) => (await (await fetch(node.url.replace('/v1', '/readyz'))).json()).running;

test('a model by its name; the first is there at the start, the other when it is asked for', async () => {
  const home = place(copies(['one', 'two']));
  const node = await serve(home);
  assert.deepEqual(await loaded(node), ['one']);
  const [first, second] = await models(node);
  assert.deepEqual([first.id, second.id], ['one', 'two']);
  assert.equal(second.sekisho.sha256, sha256(readFileSync(join(home.directory, 'two.gguf'))));
  assert.equal(second.sekisho.context, first.sekisho.context, 'the keys are read before it is loaded');
  const answers = [await text(await ask(node, 'one')), await text(await ask(node, 'two'))];
  assert.equal(answers[0], answers[1]);
  assert.deepEqual(await loaded(node), ['one', 'two']);
  const unknown = await ask(node, 'three');
  assert.equal(unknown.status, 404);
  assert.match((await unknown.json()).error.message, /'three' is not served here\. These are: 'one', 'two'$/);
  const answer = await (await ask(node, 'two')).json();
  const leaf = JSON.parse(answer.sekisho.receipt.open.leaf);
  assert.equal(leaf.model, 'two');
  assert.equal(leaf.model_sha256, second.sekisho.sha256);
  assert.equal(verify(home, answer.sekisho.receipt).status, 0);
  assert.equal((await (await fetch(`${node.url}/models/two`)).json()).id, 'two');
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  home.remove();
});

test('under a small budget one model makes room for another, and waits for its answers', async () => {
  const home = place(copies(['one', 'two', 'three']));
  const all = await serve(home);
  await text(await ask(all, 'two'));
  const bytes = Number(/load model=0 bytes=(\d+)/.exec(all.log())[1]);
  await all.stop();
  configure(home, [[/memory: \d+/, `memory: ${Math.floor(bytes * 1.5)}`]]);
  const node = await serve(home);
  const rounds = ['one', 'two', 'three', 'one', 'two'];
  for (const id of rounds) {
    await text(await ask(node, id));
    assert.deepEqual(await loaded(node), [id]);
  }
  // While a stream of `one` runs, `two` waits, and takes its place when it has ended.
  // In the order of the leaves that say that they ended, whichever is read here first.
  let over = false;
  const ended = async (name, answer) => {
    const response = await answer;
    assert.equal(response.status, 200);
    return { name, index: (await response.json()).sekisho.receipt.close.index };
  };
  const stream = await ask(node, 'one', { ...unending, stream: true, temperature: 2, seed: 3, max_tokens: 400 });
  const others = [ended('two', ask(node, 'two')).finally(() => { over = true; })];
  while (!over && await running(node) !== 2) await sleep(1); // `two` is there before the other comes
  others.push(ended('one', ask(node, 'one')));
  others.push(stream.text().then((events) => ({ name: 'stream', index: Number(/"close":\{"index":(\d+)/.exec(events)[1]) })));
  const order = (await Promise.all(others)).sort((x, y) => x.index - y.index).map(({ name }) => name);
  assert.deepEqual(order, ['stream', 'two', 'one']);
  // One that never fits: told at once, and the others stay.
  await node.stop();
  makeSmall(join(home.directory, 'three.gguf'));
  const short = await serve(home);
  const refused = await ask(short, 'three');
  assert.equal(refused.status, 503);
  assert.match((await refused.json()).error.message, /^The model 'three' cannot be loaded: it needs \d+ bytes of memory, engine\.memory is \d+: raise it/);
  assert.deepEqual(await loaded(short), ['one']);
  assert.deepEqual(await short.stop(), { code: 0, signal: null });
  // A budget that holds no model: said at the start for the first, to its caller for another.
  configure(home, [[/memory: \d+/, `memory: ${Math.floor(bytes / 3)}`]]);
  await assert.rejects(serve(home), /engine: the first model: it needs \d+ bytes of memory, engine\.memory is \d+/);
  home.remove();
});

test('8 callers of three models under a budget for one: every answer is right', async () => {
  const home = place(copies(['one', 'two', 'three']), { memory: 0 });
  const free = await serve(home);
  const right = await Promise.all([1, 2, 3, 4].map(async (seed) => await text(await ask(free, 'one', { temperature: 1, seed }))));
  const bytes = Number(/load model=0 bytes=(\d+)/.exec(free.log())[1]);
  await free.stop();
  configure(home, [[/memory: \d+/, `memory: ${Math.floor(bytes * 1.5)}`]]);
  const node = await serve(home);
  await Promise.all(Array.from({ length: 8 }, async (_, caller) => {
    for (let i = 0; i < 6; i++) {
      const id = ['one', 'two', 'three'][(caller + i) % 3], seed = 1 + (caller + i) % 4;
      assert.equal(await text(await ask(node, id, { temperature: 1, seed })), right[seed - 1]);
    }
  }));
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  home.remove();
});

test('a model nobody asks for leaves the memory and comes back', async () => {
  const home = place(copies(['one']), { idle_s: 1 });
  const node = await serve(home);
  let before, there; // where this machine was busy for a second it has left already
  do {
    before = await text(await ask(node, 'one'));
    there = await loaded(node);
  } while (!there.length);
  assert.deepEqual(there, ['one']);
  while ((await loaded(node)).length) await sleep(100);
  assert.deepEqual(await loaded(node), []);
  assert.equal((await fetch(node.url.replace('/v1', '/readyz'))).status, 200);
  assert.equal(await text(await ask(node, 'one')), before);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  home.remove();
});

test('a file that was changed is not loaded any more; its requests fail, the node does not', async () => {
  const home = place((file, directory) => [...copies(['one', 'two'])(file, directory), ['broken', join(directory, 'broken.gguf')]]);
  writeFileSync(join(home.directory, 'broken.gguf'), readFileSync(join(home.directory, 'two.gguf')).subarray(0, 100_000));
  const node = await serve(home);
  const broken = await ask(node, 'broken');
  assert.equal(broken.status, 503);
  assert.match((await broken.json()).error.message, /^The model 'broken' cannot be loaded: /);
  appendFileSync(join(home.directory, 'two.gguf'), 'x');
  const changed = await ask(node, 'two');
  assert.equal(changed.status, 503);
  const { error } = await changed.json();
  assert.equal(error.code, 'model_unavailable');
  assert.match(error.message, /^The model 'two' cannot be loaded: its file was changed after its digest was checked/);
  await text(await ask(node, 'one'));
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  home.remove();
});

test('weights written to while they answer, times set back: that answer fails, and so does the next', async () => {
  const home = place(endlessCopies(['one', 'two']));
  const node = await serve(home), file = join(home.directory, 'one.gguf'), was = statSync(file);
  const body = { stream: true, max_tokens: 30000 };
  const waiting = await ask(node, 'one', body), reader = waiting.body.getReader();
  let events = Buffer.from((await reader.read()).value).toString();
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.from([1, 2, 3]), 0, 3, was.size - 1000);
  closeSync(descriptor);
  utimesSync(file, was.atime, was.mtime);
  for (let part; !(part = await reader.read()).done;) events += Buffer.from(part.value);
  assert.match(events, /"error":\{"message":"The model 'one' cannot be loaded: its file was changed after its digest was checked/);
  assert.doesNotMatch(events, /finish_reason":"/);
  const number = waiting.headers.get('sekisho-receipt');
  let receipt; // the error is told before it is sealed
  do receipt = await (await fetch(`${node.url}/receipts/${number}`)).json(); while (!receipt.close);
  assert.equal(JSON.parse(receipt.close.leaf).outcome, 'failed');
  assert.equal((await ask(node, 'one')).status, 503);
  assert.match(node.log(), /error engine model model=0 text="its file was changed after/);
  await text(await ask(node, 'two'));
  utimesSync(join(home.directory, 'two.gguf'), was.atime, was.mtime); // nothing but a time
  assert.match((await (await ask(node, 'two')).json()).error.message, /its file was changed after/);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  home.remove();
});

test('the first model changed on disk and the engine fell: the node goes on with the others', async () => {
  const home = place(copies(['one', 'two']));
  const node = await serve(home);
  appendFileSync(join(home.directory, 'one.gguf'), 'x');
  const engine = execFileSync('pgrep', ['-P', String(node.child.pid), 'engine'], { encoding: 'utf8' }).trim();
  process.kill(Number(engine), 'SIGKILL');
  while (!/ fell /.test(node.log())) await sleep(10);
  let answer;
  do answer = await ask(node, 'one'); while (answer.status === 503 && (await answer.clone().json()).error.code === 'engine_restarting');
  assert.equal(answer.status, 503);
  assert.match((await answer.json()).error.message, /^The model 'one' cannot be loaded: its file was changed/);
  await text(await ask(node, 'two'));
  assert.equal(node.log().match(/ fell /g).length, 1);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  await assert.doesNotReject(async () => await (await serve(home)).stop(), 'checked anew at the next start');
  home.remove();
});

test('the digest of an unchanged file is known at the next start, and the receipt says so', async () => {
  const home = place(copies(['one']));
  const file = join(home.directory, 'one.gguf');
  await sleep(2500); // a file changed a moment ago is not remembered
  const open = async (args, environment) => {
    const node = await serve(home, environment, undefined, args);
    const { receipt } = (await (await ask(node, 'one')).json()).sekisho;
    await node.stop();
    return { leaf: JSON.parse(receipt.open.leaf), receipt };
  };
  const first = await open(), second = await open(), third = await open(['--check']);
  assert.deepEqual([first, second, third].map(({ leaf }) => leaf.model_checked), ['now', 'cached', 'now']);
  assert.equal(second.leaf.model_checked_ms, first.leaf.model_checked_ms);
  assert.ok(third.leaf.model_checked_ms > second.leaf.model_checked_ms);
  assert.match(verify(home, first.receipt).output, /checked +now, 20\d\d-/);
  assert.match(verify(home, second.receipt).output, /checked +cached since 20\d\d-/);
  // Another content, with length and mtime as before: the digest is computed again.
  const bytes = readFileSync(file), at = bytes.indexOf('general.license') + 30;
  bytes[at] ^= 1;
  writeFileSync(file, bytes);
  utimesSync(file, 1e9, 1e9);
  const changed = await open();
  assert.equal(changed.leaf.model_checked, 'now');
  assert.equal(changed.leaf.model_sha256, sha256(bytes));
  home.remove();
});

// Weights are held once, packed; of the file only what answers read is left, in the engine room and
// in a command.
test('memory of a process is about the file and its caches', async () => {
  const home = place((_, directory) => [['small', join(directory, 'small.gguf'), ', context: 1024']]);
  const file = join(home.directory, 'small.gguf');
  makeSmall(file);
  const status = (pid) => readFileSync(`/proc/${pid}/status`, 'utf8');
  const resident = (pid) => 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(status(pid))[1]);
  const cache = (tokens) => 4 * 2 * 256 * 2 * tokens; // layers, keys and values, F16
  const within = (pid, tokens) => {
    const most = 1.3 * (statSync(file).size + cache(tokens));
    assert.ok(resident(pid) <= most, `${resident(pid)} bytes > ${most}`);
  };
  const node = await serve(home);
  const rooms = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && existsSync(`/proc/${pid}/status`)
    && status(pid).includes(`PPid:\t${node.child.pid}\n`) && status(pid).startsWith('Name:\tengine\n'));
  assert.equal(rooms.length, 1);
  within(rooms[0], 2 * 1024);
  await node.stop();
  const chat = spawn(sekisho, ['chat', '--model', file]); // its whole context
  chat.stdin.write('a\n');
  await new Promise((resolve) => chat.stdout.once('data', resolve));
  within(chat.pid, 32768);
  chat.kill('SIGKILL');
  home.remove();
});

test('a model that takes no messages is the one at fault, not the messages', async () => {
  const home = place((file, directory) => [['one', file], ['bert', join(directory, 'bert.gguf')]]);
  execFileSync(process.env.MAKE_GGUF, ['bert', 'Q8_0', join(home.directory, 'bert.gguf')]);
  const node = await serve(home), refused = await ask(node, 'bert');
  assert.equal(refused.status, 400);
  const { error } = await refused.json();
  assert.deepEqual([error.param, error.message], ['model', "The model 'bert' makes embeddings only."]);
  const headers = { 'content-type': 'application/json' };
  const read = (name, body) => fetch(`${node.url}/${name}`, { method: 'POST', headers, body: JSON.stringify(body) });
  const made = await read('embeddings', { model: 'bert', input: ['a b', 'c'] }), answer = await made.json();
  assert.equal(made.status, 200, JSON.stringify(answer));
  assert.equal(answer.data.length, 2);
  // What was committed to is the result as it left the engine: the width, then the vectors.
  const width = answer.data[0].embedding.length;
  const result = Buffer.concat([Buffer.from(new Uint32Array([width]).buffer),
    ...answer.data.map((row) => Buffer.from(new Float32Array(row.embedding).buffer))]);
  const { receipt } = answer.sekisho;
  assert.equal(JSON.parse(receipt.open.leaf).operation, 'embeddings');
  assert.equal(verify(home, receipt, { result }).status, 0);
  result[5] ^= 1;
  assert.equal(verify(home, receipt, { result }).status, 3);
  const text = await read('embeddings', { model: 'one', input: 'a' });
  assert.deepEqual([text.status, (await text.json()).error.message], [400, "The model 'one' makes text only."]);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  home.remove();
});

test('a split model is served from its first part, under the digest of its parts', async () => {
  const home = place((file, directory) => {
    const parts = splitGguf(readFileSync(file), 3).map((bytes, i) => {
      const name = `m-0000${i + 1}-of-00003.gguf`;
      writeFileSync(join(directory, name), bytes);
      return name;
    });
    return [['whole', file], ['split', join(directory, parts[0])]];
  });
  const node = await serve(home);
  const answers = await Promise.all(['whole', 'split'].map(async (id) => await text(await ask(node, id, { temperature: 1, seed: 5, max_tokens: 40 }))));
  assert.equal(answers[0], answers[1]);
  const manifest = [1, 2, 3].map((i) => `m-0000${i}-of-00003.gguf`)
    .map((name) => `${sha256(readFileSync(join(home.directory, name)))}  ${name}\n`).join('');
  assert.equal((await models(node))[1].sekisho.sha256, sha256(manifest));
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  home.remove();
});
