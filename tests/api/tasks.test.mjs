// Embeddings, rankings and attributions of a real node: an encoder, a reranker and a model of text
// side by side, each refusing by name what it cannot do.
import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configure, init, sekisho, serve, verify } from './node.mjs';

const home = init(['--keyless']);
const file = (name) => join(home.directory, `${name}.gguf`);
for (const name of ['bert', 'bert-rank']) execFileSync(process.env.MAKE_GGUF, [name, 'Q8_0', file(name)]);
const chat = /file: "(.*)"/.exec(readFileSync(home.config, 'utf8'))[1];
const rows = [['chat', chat], ['bert', file('bert')], ['rank', file('bert-rank')]];
configure(home, [[/models:\n( .*\n)+/,
  `models:\n${rows.map(([id, at]) => `  - {id: "${id}", file: "${at}", parallel: 2}\n`).join('')}`]]);
const node = await serve(home);
test.after(async () => {
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  home.remove();
});

const post = async (path, body, signal) => {
  const response = await fetch(`${node.url}${path}`, {
    method: 'POST', signal, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
};
const good = async (path, body) => {
  const { status, body: answer } = await post(path, body);
  assert.equal(status, 200, JSON.stringify(answer));
  assert.equal(verify(home, answer.sekisho.receipt).status, 0);
  return answer;
};
const refused = async (path, body, { status = 400, param, names }) => {
  const answer = await post(path, body);
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  assert.equal(answer.body.error.param, param);
  assert.match(answer.body.error.message, names);
};
const operation = (answer) => JSON.parse(answer.sekisho.receipt.open.leaf).operation;
const dot = (a, b) => a.reduce((sum, one, i) => sum + one * b[i], 0);
const floats = (base64) => {
  const bytes = Buffer.from(base64, 'base64');
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
};

// ---- embeddings ----

const TEXTS = ['the world', 'hello hello', '東京'];

test('embeddings are those of the command line, as numbers and as base64', async () => {
  const answer = await good('/embeddings', { model: 'bert', input: TEXTS });
  const lines = execFileSync(sekisho, ['embed', '--model', file('bert'), '--json', ...TEXTS]).toString().trim().split('\n');
  const wanted = lines.map((line) => JSON.parse(line));
  const packed = await good('/embeddings', { model: 'bert', input: TEXTS, encoding_format: 'base64' });
  wanted.forEach(({ embedding }, i) => {
    assert.equal(answer.data[i].index, i);
    assert.deepEqual(answer.data[i].embedding.map(Math.fround), embedding.map(Math.fround));
    assert.deepEqual(floats(packed.data[i].embedding), embedding.map(Math.fround));
  });
  assert.equal(answer.usage.prompt_tokens, wanted.reduce((sum, { tokens }) => sum + tokens, 0));
  assert.equal(operation(answer), 'embeddings');
});

test('fewer dimensions are the first ones, of length 1', async () => {
  const whole = (await good('/embeddings', { model: 'bert', input: 'hello' })).data[0].embedding;
  const cut = (await good('/embeddings', { model: 'bert', input: 'hello', dimensions: 32 })).data[0].embedding;
  const length = Math.sqrt(dot(whole.slice(0, 32), whole.slice(0, 32)));
  assert.equal(cut.length, 32);
  cut.forEach((one, i) => assert.ok(Math.abs(one - whole[i] / length) < 1e-6));
  await refused('/embeddings', { model: 'bert', input: 'hello', dimensions: whole.length + 1 },
    { param: 'dimensions', names: new RegExp(`${whole.length + 1} is not in 1\\.\\.${whole.length}`) });
});

test('a text that does not fit is named', async () => {
  await refused('/embeddings', { model: 'bert', input: ['hello', 'a b '.repeat(600)] },
    { param: 'input', names: /text 1: .*512/ });
});

// ---- rankings ----

test('a reranker orders documents by its head, an encoder by cosine; each says which', async () => {
  const asked = { query: 'hello', documents: TEXTS };
  const ranked = await good('/rerank', { model: 'rank', ...asked });
  assert.equal(ranked.sekisho.score, 'rank head');
  assert.equal(operation(ranked), 'rerank');
  const scores = ranked.results.map(({ relevance_score: score }) => score);
  assert.deepEqual(scores, scores.toSorted((a, b) => b - a));
  assert.deepEqual(ranked.results.map(({ index }) => index).toSorted(), [0, 1, 2]);
  const alone = await good('/rerank', { model: 'rank', query: 'hello', documents: [TEXTS[1]] });
  assert.equal(alone.results[0].relevance_score, ranked.results.find(({ index }) => index === 1).relevance_score);

  const likened = await good('/rerank', { model: 'bert', ...asked });
  assert.equal(likened.sekisho.score, 'cosine');
  const [query, ...vectors] = (await good('/embeddings', { model: 'bert', input: ['hello', ...TEXTS] })).data
    .map(({ embedding }) => embedding);
  for (const { index, relevance_score: score } of likened.results)
    assert.ok(Math.abs(score - dot(query, vectors[index])) < 1e-6);
  await refused('/rerank', { model: 'rank', query: 'hello', documents: ['the', 'a b '.repeat(600)] },
    { param: 'documents', names: /document 1: .*512/ });
});

// ---- attribution ----

const CONVERSATION = {
  model: 'chat',
  messages: [{ role: 'system', content: '宿の窓口です。丁寧に答えます。' },
    { role: 'user', content: '海の見える部屋はありますか。犬も一緒です。' }],
  answer: 'はい、海の見える部屋をご用意できます。',
};

test('what an answer rests on, the same beside other answers, at the cost it says', async () => {
  const alone = await good('/attributions', { ...CONVERSATION, each_token: true });
  assert.deepEqual(alone.spans.map(({ text }) => text),
    ['宿の窓口です。', '丁寧に答えます。', '海の見える部屋はありますか。', '犬も一緒です。']);
  const sum = alone.baseline.tokens.reduce((all, { logprob }) => all + logprob, 0);
  assert.equal(alone.baseline.logprob, sum);
  assert.equal(alone.baseline.tokens.map(({ token }) => token).join(''), CONVERSATION.answer);
  for (const { delta, tokens } of alone.spans) {
    const moved = tokens.reduce((all, one) => all + one, 0);
    assert.ok(delta !== 0 && Math.abs(delta - moved) < 1e-9);
  }
  const { tokens_max: most, tokens_computed: computed, tokens_cached: cached } = alone.cost;
  assert.ok(cached > 0 && computed + cached <= most);
  assert.equal(operation(alone), 'attribution');

  const beside = Promise.all([1, 2].map(() => good('/chat/completions', {
    model: 'chat', messages: CONVERSATION.messages, max_tokens: 64, temperature: 0 })));
  const { cost, ...again } = await good('/attributions', { ...CONVERSATION, each_token: true });
  assert.ok(cost.tokens_computed <= computed);
  assert.deepEqual([again.baseline, again.spans], [alone.baseline, alone.spans]);
  const [one, other] = await beside;
  assert.equal(one.choices[0].message.content, other.choices[0].message.content);

  const named = await good('/attributions', { ...CONVERSATION, spans: [{ message: 1, start: 0, end: 14 }] });
  assert.equal(named.spans[0].delta, alone.spans[2].delta);
  await refused('/attributions', { ...CONVERSATION, cost_max: 100 },
    { param: 'spans', names: new RegExp(`\\(4 \\+ 1\\) x \\(\\d+ prompt \\+ \\d+ answer\\) tokens = ${most} > 100`) });
  await refused('/attributions', { ...CONVERSATION, spans: [{ message: 1, start: 0, end: 99 }] },
    { param: 'spans', names: /span 0 ends at 99, message 1 has 21 characters/ });
});

test('a client that leaves an attribution leaves the slot', async () => {
  for (let i = 0; i < 6; i++) {
    const leaving = new AbortController();
    const asked = post('/attributions', { ...CONVERSATION, answer: `${i}`.repeat(200) }, leaving.signal);
    setTimeout(() => leaving.abort(), 20 * i);
    await asked.catch(() => 0);
  }
  await good('/attributions', { ...CONVERSATION, spans: [{ message: 1, start: 0, end: 1 }] });
});

// ---- what a prompt's tokens are ----

test('a prompt echoed with its log-probabilities: read alone, beside answers, found, and streamed', async () => {
  const asked = { model: 'chat', prompt: `${'海の見える部屋はありますか。'.repeat(3)}はい、海の`, echo: true, logprobs: 2, temperature: 0 };
  const whole = await good('/completions', { ...asked, max_tokens: 0 });
  const { choices: [alone], usage } = whole;
  assert.equal(verify(home, whole).status, 0, 'the echo is no part of what is committed to');
  assert.deepEqual([alone.text, alone.finish_reason, usage.completion_tokens], [asked.prompt, 'length', 0]);
  const { tokens, token_logprobs: logprobs, top_logprobs: tops, text_offset: offsets } = alone.logprobs;
  assert.equal(tokens.length, usage.prompt_tokens);
  assert.deepEqual([logprobs[0], tops[0], offsets[0]], [null, null, 0]);
  for (let i = 1; i < tokens.length; i++) {
    assert.ok(logprobs[i] < 0 && offsets[i] >= offsets[i - 1]);
    assert.ok(Object.keys(tops[i]).length <= 2 && Math.max(...Object.values(tops[i])) >= logprobs[i]);
  }
  const both = await Promise.all([4, 0, 4].map((most) => good('/completions', { ...asked, max_tokens: most })));
  for (const { choices: [{ logprobs: again }] } of both)
    for (const [name, list] of Object.entries(alone.logprobs)) assert.deepEqual(again[name].slice(0, tokens.length), list);
  assert.ok(both[0].usage.completion_tokens > 0);
  assert.match(verify(home, both[0]).output, /proven +the answer in the file|proven +the answer is/);

  const stream = await fetch(`${node.url}/completions`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...asked, max_tokens: 4, stream: true }),
  });
  const events = (await stream.text()).split('\n\n').filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)));
  const column = (name) => events.flatMap(({ choices }) => choices[0].logprobs?.[name] ?? []);
  for (const [name, list] of Object.entries(both[0].choices[0].logprobs)) assert.deepEqual(column(name), list);
  assert.equal(events.map(({ choices }) => choices[0].text).join(''), both[0].choices[0].text);
});

// ---- what a model cannot do ----

test('models refuse what they are not made for', async () => {
  const refusal = { param: 'model', names: /^The model '/ };
  await refused('/embeddings', { model: 'chat', input: 'hello' }, refusal);
  await refused('/embeddings', { model: 'rank', input: 'hello' }, refusal);
  await refused('/rerank', { model: 'chat', query: 'hello', documents: ['the'] }, refusal);
  await refused('/attributions', { ...CONVERSATION, model: 'bert' }, refusal);
});
