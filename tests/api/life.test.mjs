// A node's life: it drains on SIGTERM, refuses rooms of another build, and its numbers go on.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asUser, configure, init, sekisho, serve, unending, verify } from './node.mjs';

const ask = (node, place, extra = {}, signal) => fetch(`${node.url}/chat/completions`, {
  method: 'POST', signal, headers: { authorization: `Bearer ${place.key}`, 'content-type': 'application/json' },
  body: JSON.stringify({ model: 'sekisho-keigo', messages: [{ role: 'user', content: 'はい' }], temperature: 0, ...extra }),
});

// A stream, by its text so far and its end.
function reading(response) {
  const state = { text: '' };
  state.end = (async () => {
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) state.text += chunk;
  })();
  return state;
}

test('SIGTERM: running answers are finished with their receipts, nothing new is taken', async () => {
  const place = init();
  const node = await serve(place);
  const streams = await Promise.all([1, 2, 3].map(async (seed) =>
    reading(await ask(node, place, { ...unending, stream: true, temperature: 2, seed, max_tokens: 400 }))));
  while (!streams.some((stream) => stream.text.includes('"content":"'))) await new Promise((resolve) => setImmediate(resolve));
  node.child.kill('SIGTERM');
  for (const stream of streams) {
    await stream.end;
    assert.match(stream.text, /data: \[DONE\]\n\n$/);
    const last = stream.text.split('\n\n').at(-3).replace(/^data: /, '');
    assert.equal(verify(place, JSON.parse(last).sekisho.receipt).status, 0);
  }
  assert.deepEqual(await node.ended, { code: 0, signal: null });
  await assert.rejects(ask(node, place));
  place.remove();
});

test('a second SIGTERM, or the end of drain_ms, stops at once', async () => {
  for (const twice of [true, false]) {
    const place = init();
    configure(place, [[/drain_ms: \d+/, `drain_ms: ${twice ? 60000 : 100}`], [/idle_ms: \d+/, 'idle_ms: 60000']]);
    const node = await serve(place);
    // A client that asks for much and reads nothing keeps its answer running.
    const response = await ask(node, place, { ...unending, stream: true, temperature: 2, seed: 4, max_tokens: 480 });
    node.child.kill('SIGTERM');
    if (twice) setTimeout(() => node.child.kill('SIGTERM'), 50);
    await node.ended; // or the test's own time limit, which is below drain_ms and idle_ms
    await response.body.cancel().catch(() => {});
    place.remove();
  }
});

test('a room of another build is refused', async () => {
  const user = asUser();
  const place = init([], user);
  const engine = join(user.home, 'bin/libexec/sekisho/engine');
  const bytes = readFileSync(engine, 'latin1');
  const build = /0\.1\.0\+[0-9a-f]{16}/.exec(bytes)[0];
  writeFileSync(engine, bytes.replaceAll(build, `0.1.0+${'0'.repeat(16)}`), 'latin1');
  await assert.rejects(serve(place, {}, user), /engine is of build 0\.1\.0\+0000000000000000/);
  place.remove();
  user.remove();
});

test('numbers of a key go on after a restart, and after the key was away', async () => {
  const place = init();
  const number = async (node) => JSON.parse((await (await ask(node, place, { max_tokens: 1 })).json()).sekisho.receipt.open.leaf).n;
  let node = await serve(place);
  assert.equal(await number(node), 1);
  assert.equal(await number(node), 2);
  await node.stop();
  const before = readFileSync(place.config, 'utf8');
  configure(place, [[/keys:[^]*$/, 'keys: []\n']]);
  node = await serve(place);
  await node.stop();
  writeFileSync(place.config, before);
  node = await serve(place);
  assert.equal(await number(node), 3);
  await node.stop();
  place.remove();
});

test('a reload changes nothing that needs a restart: parallel, and a public node keeps its keys', async () => {
  const place = init();
  configure(place, [[/listen: ".*"/, 'listen: "0.0.0.0:0"'], [/parallel: \d+/, 'parallel: 3']]);
  const node = await serve(place);
  const url = node.url.replace('0.0.0.0', '127.0.0.1');
  const reload = async (pairs, says) => {
    configure(place, pairs);
    node.child.kill('SIGHUP');
    while (!says.test(node.log())) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  await reload([[/parallel: \d+/, 'parallel: 1']], /restart_needed_for="models"/);
  const pids = execFileSync('pgrep', ['-P', String(node.child.pid), 'engine'], { encoding: 'utf8' }).trim();
  process.kill(Number(pids), 'SIGKILL');
  const answers = [1, 2, 3, 4, 5, 6].map(async (seed) => {
    for (let i = 0; i < 200; i++) {
      const response = await ask({ url }, place, { temperature: 2, seed, max_tokens: 100 });
      if (response.status === 200) return (await response.json()).object;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return 'none';
  });
  for (const answer of answers) assert.equal(await answer, 'chat.completion');
  await reload([[/listen: ".*"/, 'listen: "127.0.0.1:0"'], [/keys:[^]*$/, 'keys: []\n']], /kept=old text="listen is 0\.0\.0\.0/);
  assert.equal((await fetch(`${url}/models`, { headers: { authorization: '' } })).status, 401);
  assert.equal(node.log().match(/ fell /g).length, 1, 'only the engine that was killed');
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  place.remove();
});

test('keys changed many times: the node goes on, with the last list', async () => {
  const place = init();
  const node = await serve(place);
  const config = readFileSync(place.config, 'utf8');
  for (let round = 0; round < 18; round++) {
    const rows = Array.from({ length: 1000 }, (_, i) =>
      `  - {name: k${i}, sha256: "${(round * 1000 + i).toString(16).padStart(64, '0')}"}\n`).join('');
    writeFileSync(place.config, config + rows);
    const before = node.log().match(/reload keys=/g)?.length ?? 0;
    node.child.kill('SIGHUP');
    while (node.child.exitCode === null && (node.log().match(/reload keys=/g)?.length ?? 0) === before)
      await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal((await ask(node, place, { max_tokens: 2 })).status, 200);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  assert.match(node.log(), /error border key name="k\d+" refused=/);
  place.remove();
});

test('a model whose name and licence are long is served', async () => {
  const place = init();
  const file = /file: "(.*)"/.exec(readFileSync(place.config, 'utf8'))[1];
  const bytes = readFileSync(file);
  const at = bytes.indexOf('general.license');
  const start = at + 'general.license'.length + 4;
  const old = Number(bytes.readBigUInt64LE(start));
  // The header grows by a multiple of the tensors' alignment, so that they stay where they count from.
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(old + 320));
  const long = join(place.directory, 'long.gguf');
  writeFileSync(long, Buffer.concat([bytes.subarray(0, start), length, bytes.subarray(start + 8, start + 8 + old),
    Buffer.from('が'.repeat(106) + '..'), bytes.subarray(start + 8 + old)]));
  const node = await serve(place, { SEKISHO_MODEL_FILE: long });
  assert.equal((await ask(node, place, { max_tokens: 2 }, AbortSignal.timeout(5000))).status, 200);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  place.remove();
});

test('an engine that lies is dropped and replaced; the border stands and every open closes', async () => {
  const user = asUser();
  const place = init([], user);
  const rooms = join(user.home, 'bin/libexec/sekisho');
  const install = (from) => {
    copyFileSync(from, join(rooms, 'fresh'));
    renameSync(join(rooms, 'fresh'), join(rooms, 'engine'));
  };
  const lies = ['ends before it began', 'prompt not sealed', 'prompt of another length', 'prompt without end',
    'says it stopped', 'speaks out of turn', 'text before the seal', 'text not granted', 'text not UTF-8',
    'ends as cancelled', 'many cards', 'sampler not UTF-8', 'failure not UTF-8', 'card not UTF-8',
    'failure of no field', 'result before it began', 'result of an answer', 'text of no length', 'part of no channel',
    'arguments of no call', 'parts that are cut', 'too many parts', 'log-probability of no number',
    'log-probabilities that are cut', 'unasked log-probabilities', 'thought more than it made', 'found more than it was given',
    'stopped by no string'];
  for (const lie of lies) {
    writeFileSync(join(rooms, 'lie'), lie);
    install(join(dirname(sekisho), 'tests/api/lying_engine'));
    const node = await serve(place, {}, user);
    install(join(dirname(sekisho), 'libexec/sekisho/engine'));
    const response = await ask(node, place, { max_tokens: 2, stream: true }, AbortSignal.timeout(10_000));
    const text = await response.text();
    assert.ok(response.status === 503 || /"error".*engine_restarting/.test(text), `${lie}: ${response.status} ${text}`);
    assert.ok(!text.includes('early'), lie);
    let after;
    for (let i = 0; i < 200 && after?.status !== 200; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      after = await ask(node, place, { max_tokens: 2 }, AbortSignal.timeout(10_000));
    }
    const answer = await after.json();
    assert.equal(verify(place, answer).status, 0, lie);
    for (let index = 0; index < answer.sekisho.receipt.open.index; index++) {
      const receipt = await fetch(`${node.url}/receipts/${index}`, { headers: { authorization: `Bearer ${place.key}` } });
      if (receipt.status === 200) assert.ok((await receipt.json()).close, `${lie}: open ${index} closed`);
    }
    assert.deepEqual(await node.stop(), { code: 0, signal: null }, lie);
    assert.doesNotMatch(node.log(), /fell room=(gate|border|ledger)/, lie);
  }
  place.remove();
  user.remove();
});
