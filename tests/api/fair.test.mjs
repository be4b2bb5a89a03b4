// Two keys on a real node: who asks for much does not hold up who asks for little, nor fill the
// queue; weights say how much is whose.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { configure, init, sekisho, serve } from './node.mjs';
import { read } from './prometheus.mjs';
import { FOREVER, endless } from './scripted.mjs';

const QUEUE = 39;
let place, node, root;
const keys = {};
const key = (name, ...options) =>
  execFileSync(sekisho, ['key', name, ...options, '--config', place.config], { encoding: 'utf8' }).trim();

before(async () => {
  place = init();
  keys.much = key('much');
  keys.little = key('little');
  keys.heavy = key('heavy', '--weight', '3');
  keys.reader = key('reader', '--metrics');
  const [pattern, models] = endless(place.directory);
  configure(place, [[pattern, models], [/queue: \d+/, `queue: ${QUEUE - 1}`], [/parallel_per_key: \d+/, 'parallel_per_key: 0']]);
  configure(place, [[/parallel: \d+[^]*?parallel: \d+/, (text) => text.replaceAll(/parallel: \d+/g, 'parallel: 1')]]);
  node = await serve(place);
  root = node.url.replace('/v1', '');
});
after(async () => {
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  assert.doesNotMatch(node.log(), / (fell|fail) /);
  place.remove();
});

const ask = (who, tokens, prompt = 'はい', signal) => fetch(`${node.url}/chat/completions`, {
  method: 'POST', signal, headers: { authorization: `Bearer ${who}`, 'content-type': 'application/json' },
  body: JSON.stringify({ model: 'endless', messages: [{ role: 'user', content: prompt }], stream: !!signal, temperature: 0, max_tokens: tokens }),
});
const long = 'これはとても長い文章です。'.repeat(20);

async function waiting(count) {
  for (;;) {
    const metrics = read(await (await fetch(`${root}/metrics`, { headers: { authorization: `Bearer ${keys.reader}` } })).text());
    const [{ value }] = metrics.sekisho_requests_waiting.samples;
    if (Number(value) === count) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// While one answer holds the only place, `asks` ([key, tokens, prompt]) come one after the other;
// then it leaves. Resolves to the names of the keys in the order in which their answers ended: that of
// the leaves that say so, for it is not sure in which order this process comes to read them.
async function order(asks) {
  const leaving = new AbortController();
  const first = await ask(keys.much, FOREVER, 'はい', leaving.signal);
  assert.equal(first.status, 200);
  const all = [];
  for (const [who, tokens, prompt] of asks) {
    all.push(ask(keys[who], tokens, prompt).then(async (response) => {
      const text = await response.text();
      assert.equal(response.status, 200, text);
      return { who, end: JSON.parse(text).sekisho.receipt.close.index };
    }));
    await waiting(all.length);
  }
  leaving.abort();
  return (await Promise.all(all)).sort((a, b) => a.end - b.end).map(({ who }) => who);
}

test('one short request passes thirty long ones of another key', async () => {
  const asks = Array.from({ length: 29 }, () => ['much', 20, long]);
  const ended = await order([...asks, ['little', 2, 'はい']]);
  assert.equal(ended[0], 'little');
});

test('two keys that both wait take turns, one of weight 3 has three of four', async () => {
  const asks = ['little', 'heavy'].flatMap((who) => Array.from({ length: 12 }, () => [who, 16, 'はい']));
  const ended = await order(asks);
  for (let i = 4; i <= 16; i += 4) {
    const heavy = ended.slice(0, i).filter((who) => who === 'heavy').length;
    assert.ok(Math.abs(heavy - 3 * i / 4) <= 1, `${heavy} of ${i}: ${ended}`);
  }
});

test('one key cannot fill the queue', async () => {
  const leaving = new AbortController();
  const first = await ask(keys.much, FOREVER, 'はい', leaving.signal);
  assert.equal(first.status, 200);
  const gone = new AbortController();
  const statuses = [];
  const all = [];
  for (let i = 0; i < QUEUE; i++) // refused at once, or it waits until all are gone
    all.push(ask(keys.much, 9, 'はい', gone.signal).then(({ status }) => statuses.push(status), () => {}));
  await waiting(29); // with the one that runs: 30 of 40 places, and a third of that is free
  while (statuses.length < QUEUE - 29) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(statuses, Array(QUEUE - 29).fill(429));
  const refused = await ask(keys.much, 9);
  assert.equal((await refused.json()).error.code, 'queue_full');
  const other = ask(keys.little, 2);
  await waiting(30);
  leaving.abort();
  gone.abort();
  assert.equal((await other).status, 200);
  await Promise.all(all);
});
