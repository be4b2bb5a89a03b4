// The official openai client against a real node: chat, stream, models, errors, abort, receipts.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { init, serve, verify } from './node.mjs';

const model = 'sekisho-keigo';
const messages = [{ role: 'user', content: '丁寧語にしてください：明日の会議を欠席する。' }];
let place, node, client, sent;

before(async () => {
  place = init();
  node = await serve(place);
  // Keeps the exact bytes of the last request: a receipt commits to them.
  const fetchKept = (url, options) => { sent = options?.body; return fetch(url, options); };
  client = new OpenAI({ baseURL: node.url, apiKey: place.key, maxRetries: 0, fetch: fetchKept });
});
after(async () => {
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  place.remove();
});

test('a chat completion, with usage and a receipt that verifies', async () => {
  const answer = await client.chat.completions.create({ model, messages, temperature: 0, max_tokens: 24 });
  assert.equal(answer.object, 'chat.completion');
  assert.match(answer.id, /^chatcmpl-/);
  const choice = answer.choices[0];
  assert.equal(choice.message.role, 'assistant');
  assert.equal(choice.message.content, '明日の会議を欠席します。'); // what this model is for
  assert.ok(['stop', 'length'].includes(choice.finish_reason));
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  const good = verify(place, answer, { request: sent });
  assert.equal(good.status, 0, good.output);
  assert.match(good.output, /proven +the request is the one committed to/);
  assert.match(good.output, /proven +the answer is the one committed to/);
  const bad = verify(place, answer, { request: `${sent} ` });
  assert.equal(bad.status, 3, bad.output);
});

test('a stream: the same text, a role first, usage last when asked', async () => {
  const whole = await client.chat.completions.create({ model, messages, temperature: 0, max_tokens: 24 });
  const stream = await client.chat.completions.create({
    model, messages, temperature: 0, max_completion_tokens: 24, stream: true,
    stream_options: { include_usage: true },
  });
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.equal(chunks[0].choices[0].delta.role, 'assistant');
  const text = chunks.flatMap((chunk) => chunk.choices).map((choice) => choice.delta.content ?? '').join('');
  assert.equal(text, whole.choices[0].message.content);
  const last = chunks.at(-1);
  assert.deepEqual(last.choices, []);
  assert.equal(last.usage.completion_tokens, whole.usage.completion_tokens);
  const finish = chunks.find((chunk) => chunk.choices[0]?.finish_reason);
  const good = verify(place, finish.sekisho.receipt, { request: sent, response: text });
  assert.equal(good.status, 0, good.output);
});

test('the same seed gives the same words, another gives others', async () => {
  const ask = async (seed) => (await client.chat.completions.create(
    { model, messages, temperature: 2, seed, max_tokens: 24 })).choices[0].message.content;
  const first = await ask(7);
  assert.equal(await ask(7), first);
  const others = await Promise.all([1, 2, 3, 4].map(ask));
  assert.ok(others.some((text) => text !== first));
});

test('a bias forces a token, and one that is not there is refused', async () => {
  const ask = (bias) => client.chat.completions.create({ model, messages, max_tokens: 4, logit_bias: bias });
  const { content } = (await ask({ 400: 100 })).choices[0].message;
  assert.equal(content, content.slice(0, content.length / 4).repeat(4));
  const other = (await ask({ 400: -100, 401: 100 })).choices[0].message.content;
  assert.notEqual(other, content);
  await assert.rejects(ask({ 99999999: 1 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.match(error.message, /logit_bias: token 99999999 is not in the vocabulary/);
    assert.equal(error.param, 'logit_bias');
    return true;
  });
});

test('penalties and cuts change the words, the same way every time', async () => {
  // What says itself again and again is answered so.
  const again = [{ role: 'user', content: `丁寧語にしてください：${'とても、'.repeat(8)}寒い。` }];
  const ask = async (body) => (await client.chat.completions.create(
    { model, messages: again, temperature: 0, max_tokens: 48, ...body })).choices[0].message.content;
  const plain = await ask({});
  for (const body of [{ frequency_penalty: 2, presence_penalty: 2 }, { repetition_penalty: 2 },
    { dry_multiplier: 50, dry_allowed_length: 1, dry_sequence_breakers: [] }]) {
    const changed = await ask(body);
    assert.notEqual(changed, plain, JSON.stringify(body));
    assert.equal(await ask(body), changed);
  }
  for (const body of [{ top_k: 1 }, { min_p: 1 }, { top_p: 1e-9 }])
    assert.equal(await ask({ temperature: 2, ...body }), plain, JSON.stringify(body));
});

test('stop strings end the answer before themselves', async () => {
  const whole = (await client.chat.completions.create({ model, messages, temperature: 0, max_tokens: 24 }))
    .choices[0].message.content;
  const at = Math.floor(whole.length / 2);
  const stop = whole.slice(at, at + 2);
  const answer = await client.chat.completions.create({ model, messages, temperature: 0, max_tokens: 24, stop });
  assert.equal(answer.choices[0].message.content, whole.slice(0, whole.indexOf(stop)));
  assert.equal(answer.choices[0].finish_reason, 'stop');
});

test('models', async () => {
  const list = await client.models.list();
  assert.deepEqual(list.data.map((entry) => entry.id), [model]);
  assert.equal((await client.models.retrieve(model)).id, model);
  await assert.rejects(client.models.retrieve('gpt-4'), OpenAI.NotFoundError);
});

test('errors are the client library\'s own classes, with param and code', async () => {
  const ask = (body) => client.chat.completions.create({ model, messages, ...body });
  await assert.rejects(ask({ temperature: 'hot' }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, 'temperature');
    assert.equal(error.type, 'invalid_request_error');
    return true;
  });
  await assert.rejects(ask({ model: 'gpt-4' }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, 'model_not_found');
    return true;
  });
  await assert.rejects(ask({ messages: [{ role: 'user', content: 'あ'.repeat(4000) }] }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.code, 'context_length_exceeded');
    return true;
  });
  await assert.rejects(ask({ n: 17 }), (error) => error.param === 'n');
  const stranger = new OpenAI({ baseURL: node.url, apiKey: 'sk-wrong', maxRetries: 0 });
  await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
});

test('fields that change nothing are taken; a field nobody knows is refused by name', async () => {
  const answer = await client.chat.completions.create(
    { model, messages, temperature: 0, max_tokens: 1, user: 'u', metadata: { a: 'b' } });
  assert.equal(answer.usage.completion_tokens, 1);
  await assert.rejects(client.chat.completions.create({ model, messages, x_unknown: 1 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, 'x_unknown');
    return true;
  });
});

test('n choices are n decisions: each its own seed, receipt and place in the stream', async () => {
  const body = { model, messages, temperature: 2, seed: 7, max_tokens: 12, n: 3 };
  const answer = await client.chat.completions.create(body);
  assert.deepEqual(answer.choices.map((choice) => choice.index), [0, 1, 2]);
  const texts = answer.choices.map((choice) => choice.message.content);
  for (const [i, text] of texts.entries()) {
    const alone = await client.chat.completions.create({ ...body, n: 1, seed: 7 + i });
    assert.equal(alone.choices[0].message.content, text);
  }
  const { receipts } = answer.sekisho;
  assert.equal(receipts.length, 3);
  for (const [i, receipt] of receipts.entries()) {
    assert.equal(JSON.parse(receipt.open.leaf).choice, i);
    assert.equal(verify(place, receipt, { response: texts[i] }).status, 0);
    assert.equal(verify(place, receipt, { response: texts[(i + 1) % 3] }).status, 3);
  }
  const stream = await client.chat.completions.create({ ...body, stream: true, stream_options: { include_usage: true } });
  const streamed = ['', '', ''], ends = [];
  let usage;
  for await (const chunk of stream) {
    usage = chunk.usage ?? usage;
    for (const choice of chunk.choices) {
      streamed[choice.index] += choice.delta.content ?? '';
      if (choice.finish_reason) ends.push([choice.index, chunk.sekisho.receipt]);
    }
  }
  assert.deepEqual(streamed, texts);
  assert.equal(ends.length, 3);
  for (const [index, receipt] of ends) assert.equal(verify(place, receipt, { response: texts[index] }).status, 0);
  assert.equal(usage.completion_tokens, answer.usage.completion_tokens);
  assert.equal(usage.prompt_tokens, answer.usage.prompt_tokens);
});

test('log-probabilities of every token, with alternatives, the same streamed', async () => {
  const body = { model, messages, temperature: 0, max_tokens: 12, logprobs: true, top_logprobs: 3 };
  const { choices: [choice], usage } = await client.chat.completions.create(body);
  const tokens = choice.logprobs.content;
  assert.equal(tokens.length, usage.completion_tokens);
  const bytes = Buffer.from(tokens.flatMap((token) => token.bytes));
  assert.ok(bytes.toString().startsWith(choice.message.content.replace(/\uFFFD+$/, '')));
  for (const token of tokens) {
    assert.equal(token.top_logprobs.length, 3);
    assert.equal(token.top_logprobs[0].logprob, token.logprob);
    assert.ok(token.logprob <= 0);
  }
  const streamed = [];
  for await (const chunk of await client.chat.completions.create({ ...body, stream: true }))
    streamed.push(...(chunk.choices[0].logprobs?.content ?? []));
  assert.deepEqual(streamed, tokens);
});

// Resolves when the border holds nothing any more.
async function idle() {
  for (let i = 0; i < 200; i++) {
    const status = await (await fetch(node.url.replace('/v1', '/readyz'))).json();
    if (status.open === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail('border still holds requests');
}

test('one of several answers that cannot be refuses the request, and the others stop', async () => {
  const prompt = ['あ', 'い', 'あ'.repeat(4000), 'う'];
  await assert.rejects(client.completions.create({ model, prompt, max_tokens: 400, temperature: 2, n: 2 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.deepEqual([error.param, error.code], ['prompt', 'context_length_exceeded']);
    return true;
  });
  await idle();
});

test('sixteen answers streamed at once, all at the same pace, and left in the middle', async () => {
  const body = { model, messages, temperature: 2, n: 16, max_tokens: 300, stream: true };
  for (let round = 0; round < 3; round++) {
    const stream = await client.chat.completions.create({ ...body, seed: round });
    const seen = new Set();
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) seen.add(chunk.choices[0].index);
      if (seen.size > 2) break;
    }
    stream.controller.abort();
  }
  await idle();
});

test('raw prompts: each several times, one after the other', async () => {
  const prompt = ['明日の会議は', '朝食は'];
  const body = { model, prompt, temperature: 1, seed: 3, max_tokens: 6, n: 2 };
  const answer = await client.completions.create(body);
  assert.deepEqual(answer.choices.map((choice) => choice.index), [0, 1, 2, 3]);
  for (const [i, text] of prompt.entries()) {
    const alone = await client.completions.create({ ...body, prompt: text });
    assert.deepEqual(alone.choices.map((choice) => choice.text), answer.choices.slice(2 * i, 2 * i + 2).map((choice) => choice.text));
  }
  const again = await client.completions.create({ ...body, n: 1, echo: true });
  for (const [i, choice] of again.choices.entries()) assert.ok(choice.text.startsWith(prompt[i]));
});

test('a client that leaves stops its job, and the node goes on', async () => {
  const stream = await client.chat.completions.create({ model, messages, temperature: 1.9, seed: 1, stream: true });
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
  stream.controller.abort();
  await idle();
  assert.equal((await (await fetch(node.url.replace('/v1', '/readyz'))).json()).status, 'ready');
});

test('a receipt is there again later for its own key, and for no other', async () => {
  const { data, response } = await client.chat.completions.create(
    { model, messages, temperature: 0, max_tokens: 2 }).withResponse();
  const index = response.headers.get('sekisho-receipt');
  assert.match(index, /^\d+$/);
  const headers = { authorization: `Bearer ${place.key}` };
  const again = await (await fetch(`${node.url}/receipts/${index}`, { headers })).json();
  assert.equal(again.open.index, Number(index));
  assert.equal(again.open.leaf, data.sekisho.receipt.open.leaf);
  assert.equal(verify(place, again).status, 0);
  assert.equal((await fetch(`${node.url}/receipts/999999`, { headers })).status, 404);
  assert.equal((await fetch(`${node.url}/receipts/${index}`)).status, 401);
});

test('many at once: numbers of the key are dense', async () => {
  const answers = await Promise.all(Array.from({ length: 24 }, () =>
    client.chat.completions.create({ model, messages, temperature: 0, max_tokens: 4 })));
  const numbers = answers.map((answer) => JSON.parse(answer.sekisho.receipt.open.leaf).n).sort((a, b) => a - b);
  assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i));
});
