// Many requests at once: each is answered as if it were alone, also when memory lets few run at a
// time; clients that leave while they wait leave nothing behind.
import test from 'node:test';
import assert from 'node:assert/strict';
import { configure, init, serve, verify } from './node.mjs';

const words = ['住民票', '印鑑証明', 'ごみの日', '図書館', '税金', '保育園', '引っ越し', '国民健康保険'];
const ask = (node, i, extra = {}, signal) => fetch(`${node.url}/chat/completions`, {
  method: 'POST', signal, headers: { 'content-type': 'application/json' },
  body: JSON.stringify({
    model: 'sekisho-keigo', temperature: 1.5, seed: i, max_tokens: 40,
    messages: [{ role: 'user', content: `${words[i % 8]}はどこですか。` }], ...extra,
  }),
});
const answer = async (response) => {
  assert.equal(response.status, 200, await response.clone().text());
  const { choices, usage: { prompt_tokens, completion_tokens }, sekisho } = await response.json();
  const usage = { prompt_tokens, completion_tokens }; // how much of the prompt was found depends on company
  return { text: choices[0].message.content, end: choices[0].finish_reason, usage, receipt: sekisho.receipt };
};

// A place whose model may answer eight at once, with memory for one whole context or for all.
async function place(little) {
  const made = init(['--keyless']);
  configure(made, [[/parallel: \d+/, 'parallel: 8']]);
  if (!little) return made;
  configure(made, [[/memory: \d+/, 'memory: 1']]);
  let least;
  await assert.rejects(serve(made), (error) => { least = /needs (\d+) bytes/.exec(error.message)[1]; return true; });
  configure(made, [[/memory: 1\b/, `memory: ${least}`]]);
  return made;
}

test('answers do not depend on company or memory', async () => {
  const alone = [];
  for (const little of [false, true]) {
    const home = await place(little);
    const node = await serve(home);
    if (!little) for (let i = 0; i < 24; i++) alone.push(await answer(await ask(node, i)));
    for (const max_tokens of [40, 200]) {
      const beside = await Promise.all(alone.map(async (_, i) => answer(await ask(node, i, { max_tokens }))));
      for (const [i, { text, end, usage, receipt }] of beside.entries()) {
        if (max_tokens === 40 || alone[i].end === 'stop') {
          assert.deepEqual({ text, end, usage }, { text: alone[i].text, end: alone[i].end, usage: alone[i].usage });
        } else {
          assert.ok(text.startsWith(alone[i].text.replace(/\uFFFD+$/, '')));
        }
        if (i % 6 === 0) assert.equal(verify(home, receipt).status, 0);
      }
    }
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
    home.remove();
  }
});

test('a client that leaves while its request waits for memory is forgotten', async () => {
  const home = await place(true);
  const node = await serve(home);
  for (let round = 0; round < 3; round++) {
    const gone = new AbortController();
    const whole = { max_tokens: undefined, stream: true };
    const responses = Array.from({ length: 8 }, (_, i) => ask(node, i, whole, gone.signal).catch(() => null));
    await Promise.race(responses);
    gone.abort();
    await Promise.all(responses);
    await Promise.all(Array.from({ length: 8 }, async (_, i) => answer(await ask(node, i))));
  }
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  home.remove();
});
