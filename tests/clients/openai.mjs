// The official OpenAI client: chat, completions, embeddings, models, errors. Its /v1/responses is
// in openai_responses.mjs.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { FOREVER } from '../api/scripted.mjs';
import { booking, cities, messages, question, said, thought, tools } from './world.mjs';
import { joined, leaves, retried } from './common.mjs';

const make = (at, more = {}) => new OpenAI({ baseURL: at.url, apiKey: at.key, maxRetries: 0, ...more });
const ask = (at, body, options) =>
  make(at).chat.completions.create({ model: at.model.words, messages, temperature: 0, max_tokens: 8, ...body }, options);
const call = (at, body) => ask(at, { model: at.model.caller, max_tokens: 512, tools, ...body });
const events = async (promise) => { const list = []; for await (const event of await promise) list.push(event); return list; };
const textOf = (chunks) => joined(chunks.flatMap((chunk) => chunk.choices).map((choice) => choice.delta.content));
const cityOf = (toolCall) => JSON.parse(toolCall.function.arguments).city;
const Booking = z.object({ room: z.enum(['和室', '洋室']), breakfast: z.boolean(), floor: z.literal([1, 2, 3]) });

export const cells = {
  async 'chat'(at) {
    const answer = await ask(at);
    assert.equal(answer.object, 'chat.completion');
    assert.ok(answer.choices[0].message.content.length > 0);
    assert.equal(answer.choices[0].finish_reason, 'length');
    assert.equal(answer.usage.completion_tokens, 8);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + 8);
  },
  async 'roles and content parts'(at) {
    const turns = [{ role: 'developer', content: '丁寧に。' },
      { role: 'user', name: 'guest', content: [{ type: 'text', text: '朝食は' }, { type: 'text', text: '何時ですか。' }] },
      { role: 'assistant', content: '七時です。' }, { role: 'user', content: 'はい' }];
    assert.ok((await ask(at, { messages: turns })).choices[0].message.content.length > 0);
    const image = [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }] }];
    await assert.rejects(ask(at, { messages: image }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.match(error.param, /^messages\[0\]\.content/);
      return true;
    });
  },
  async 'stream'(at) {
    const chunks = await events(ask(at, { stream: true }));
    assert.equal(textOf(chunks), (await ask(at)).choices[0].message.content);
    assert.equal(chunks[0].choices[0].delta.role, 'assistant');
    assert.equal(chunks.at(-1).choices[0].finish_reason, 'length');
  },
  async 'stream with usage'(at) {
    const stream = make(at).chat.completions.stream({
      model: at.model.words, messages, temperature: 0, max_tokens: 8, stream_options: { include_usage: true } });
    assert.equal((await stream.totalUsage()).completion_tokens, 8);
    assert.ok((await stream.finalContent()).length > 0);
  },
  async 'stream aborted, its job ends'(at) {
    const stream = await ask(at, { stream: true, temperature: 1.5, max_tokens: 400 });
    for await (const chunk of stream) if (chunk.choices[0].delta.content) break;
    stream.controller.abort();
    await at.idle();
  },
  async 'client times out, its job ends'(at) {
    const endless = { model: at.model.endless, max_tokens: FOREVER };
    await assert.rejects(ask(at, endless, { timeout: 150 }), OpenAI.APIConnectionTimeoutError);
    await at.idle();
    await leaves((signal) => ask(at, endless, { signal }), OpenAI.APIUserAbortError);
    await at.idle();
  },
  async 'several choices (n)'(at) {
    const body = { n: 3, temperature: 2, seed: 5 };
    const { choices, usage } = await ask(at, body);
    assert.deepEqual(choices.map((choice) => choice.index), [0, 1, 2]);
    assert.equal(new Set(choices.map((choice) => choice.message.content)).size, 3);
    assert.ok(usage.completion_tokens > 8, 'of all three');
    const chunks = (await events(ask(at, { ...body, stream: true }))).flatMap((chunk) => chunk.choices);
    for (const { index, message } of choices)
      assert.equal(joined(chunks.filter((one) => one.index === index).map((one) => one.delta.content)), message.content);
  },
  async 'logprobs'(at) {
    const body = { logprobs: true, top_logprobs: 3, max_tokens: 6 };
    const [{ message, logprobs }] = (await ask(at, body)).choices;
    assert.equal(logprobs.content.length, 6);
    for (const token of logprobs.content) {
      assert.equal(token.top_logprobs.length, 3);
      assert.ok(token.logprob <= 0 && token.logprob === token.top_logprobs[0].logprob, 'the likeliest was taken');
    }
    assert.equal(Buffer.from(logprobs.content.flatMap((token) => token.bytes)).toString(), message.content);
    const chunks = await events(ask(at, { ...body, stream: true }));
    assert.deepEqual(chunks.flatMap((chunk) => chunk.choices[0]?.logprobs?.content ?? []), logprobs.content);
  },
  async 'stop strings'(at) {
    const whole = (await ask(at)).choices[0].message.content;
    const stop = whole.slice(2, 4);
    const [{ message, finish_reason }] = (await ask(at, { stop: ['まったく出ない', stop] })).choices;
    assert.equal(message.content, whole.slice(0, whole.indexOf(stop)));
    assert.equal(finish_reason, 'stop');
  },
  async 'JSON mode'(at) {
    const body = { model: at.model.writer, max_tokens: 200, response_format: { type: 'json_object' } };
    assert.deepEqual(JSON.parse((await ask(at, body)).choices[0].message.content), { city: '京都', degrees: [21, 22] });
  },
  async 'JSON Schema'(at) {
    const body = { max_tokens: 200, response_format: { type: 'json_schema', json_schema: { name: 'booking', strict: true, schema: booking } } };
    for (const seed of [1, 2, 3, 4]) {
      const [{ message, finish_reason }] = (await ask(at, { ...body, temperature: 2, seed })).choices;
      assert.equal(finish_reason, 'stop');
      Booking.parse(JSON.parse(message.content));
    }
  },
  async 'JSON Schema, read by the SDK'(at) {
    const { choices } = await make(at).chat.completions.parse({
      model: at.model.words, messages, max_tokens: 200, response_format: zodResponseFormat(Booking, 'booking') });
    Booking.parse(choices[0].message.parsed);
  },
  async 'JSON Schema, streamed'(at) {
    const stream = make(at).chat.completions.stream({
      model: at.model.words, messages, max_tokens: 200, response_format: zodResponseFormat(Booking, 'booking') });
    Booking.parse((await stream.finalChatCompletion()).choices[0].message.parsed);
  },
  async 'schema that cannot be held to: refused by name'(at) {
    const schema = { ...booking, properties: { ...booking.properties, floor: { not: { const: 1 } } } };
    await assert.rejects(ask(at, { response_format: { type: 'json_schema', json_schema: { name: 'b', strict: true, schema } } }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.param, 'response_format.json_schema.schema');
      assert.match(error.message, /not/);
      return true;
    });
  },
  async 'tool call'(at) {
    const [{ message, finish_reason }] = (await call(at)).choices;
    assert.equal(finish_reason, 'tool_calls');
    assert.equal(message.content, null);
    assert.equal(message.tool_calls.length, 1);
    assert.equal(message.tool_calls[0].type, 'function');
    assert.equal(message.tool_calls[0].function.name, 'weather');
    assert.equal(cityOf(message.tool_calls[0]), cities[0]);
  },
  async 'tool call, streamed'(at) {
    const chunks = (await events(call(at, { stream: true }))).flatMap((chunk) => chunk.choices);
    const deltas = chunks.flatMap((choice) => choice.delta.tool_calls ?? []);
    assert.equal(deltas.filter((delta) => delta.id).length, 1, 'the id comes once');
    assert.equal(deltas[0].function.name, 'weather');
    assert.equal(JSON.parse(joined(deltas.map((delta) => delta.function.arguments))).city, cities[0]);
    assert.equal(chunks.at(-1).finish_reason, 'tool_calls');
  },
  async 'tool calls in parallel'(at) {
    const body = { model: at.model['caller-of-two'] };
    const [{ message }] = (await call(at, body)).choices;
    assert.deepEqual(message.tool_calls.map(cityOf), cities);
    assert.equal(new Set(message.tool_calls.map(({ id }) => id)).size, 2);
    const stream = make(at).chat.completions.stream({ messages, tools, max_tokens: 512, ...body });
    assert.deepEqual((await stream.finalMessage()).tool_calls.map(cityOf), cities);
    const [single] = (await call(at, { ...body, parallel_tool_calls: false })).choices;
    assert.deepEqual(single.message.tool_calls.map(cityOf), [cities[0]]);
  },
  async 'tool forced, by name or any'(at) { // any model: the grammar makes it a call
    for (const tool_choice of ['required', { type: 'function', function: { name: 'weather' } }]) {
      const [{ message }] = (await call(at, { model: at.model.plain, tool_choice, parallel_tool_calls: false })).choices;
      assert.equal(message.tool_calls[0].function.name, 'weather');
      assert.ok(cities.includes(cityOf(message.tool_calls[0])));
    }
    await assert.rejects(call(at, { tool_choice: { type: 'function', function: { name: 'other' } } }),
      (error) => error instanceof OpenAI.BadRequestError && error.param.startsWith('tool_choice'));
  },
  async 'tools offered, none to be called'(at) {
    const [{ message, finish_reason }] = (await call(at, { model: at.model.plain, tool_choice: 'none', max_tokens: 8 })).choices;
    assert.equal(message.tool_calls, undefined);
    assert.notEqual(finish_reason, 'tool_calls');
  },
  async 'tool round trip'(at) {
    const asked = [];
    const runner = make(at).chat.completions.runTools({
      model: at.model.caller, messages, max_tokens: 512,
      tools: [zodFunction({ name: 'weather', description: 'The weather', parameters: z.object({ city: z.enum(cities) }),
        function: ({ city }) => { asked.push(city); return '22度'; } })] });
    assert.equal(await runner.finalContent(), said);
    assert.deepEqual(asked, [cities[0]]);
  },
  async 'tool round trip, streamed'(at) {
    const runner = make(at).chat.completions.runTools({
      model: at.model.caller, messages, max_tokens: 512, stream: true,
      tools: [zodFunction({ name: 'weather', parameters: z.object({ city: z.enum(cities) }), function: () => '22度' })] });
    assert.equal(await runner.finalContent(), said);
  },
  async 'thinking'(at) {
    const body = { model: at.model.thinker, max_tokens: 512 };
    const { choices: [{ message }], usage } = await ask(at, body);
    assert.equal(message.content, said);
    assert.equal(message.reasoning_content, thought);
    assert.ok(usage.completion_tokens_details.reasoning_tokens > 0);
    const chunks = (await events(ask(at, { ...body, stream: true }))).flatMap((chunk) => chunk.choices);
    assert.equal(joined(chunks.map((choice) => choice.delta.reasoning_content)), thought);
    assert.equal(joined(chunks.map((choice) => choice.delta.content)), said);
  },
  async 'completions'(at) {
    const body = { model: at.model.words, prompt: '朝食は', temperature: 0, max_tokens: 8 };
    const whole = await make(at).completions.create(body);
    assert.equal(whole.object, 'text_completion');
    const chunks = await events(make(at).completions.create({ ...body, stream: true }));
    assert.equal(joined(chunks.flatMap((chunk) => chunk.choices).map((choice) => choice.text)), whole.choices[0].text);
    const echoed = await make(at).completions.create({ ...body, echo: true });
    assert.equal(echoed.choices[0].text, body.prompt + whole.choices[0].text);
    const { logprobs } = (await make(at).completions.create({ ...body, logprobs: 2 })).choices[0];
    assert.equal(joined(logprobs.tokens), whole.choices[0].text);
    assert.ok(logprobs.token_logprobs.every((value, i) => value <= 0 && Object.keys(logprobs.top_logprobs[i]).length >= 2));
    assert.equal((await make(at).completions.create({ ...body, prompt: ['朝食', '夕食'] })).choices.length, 2);
  },
  async 'embeddings'(at) {
    const embed = (body) => make(at).embeddings.create({ model: at.model.encoder, input: ['hello', 'world'], ...body });
    const { data, usage } = await embed(); // the SDK asks for base64 and decodes it
    const floats = (await embed({ encoding_format: 'float' })).data;
    assert.deepEqual(data.map(({ index }) => index), [0, 1]);
    assert.ok(usage.prompt_tokens > 0);
    data.forEach(({ embedding }, i) => embedding.forEach((value, j) => assert.equal(Math.fround(value), Math.fround(floats[i].embedding[j]))));
    const [{ embedding }] = (await embed({ input: 'hello', dimensions: 8, encoding_format: 'float' })).data;
    assert.equal(embedding.length, 8);
    assert.ok(Math.abs(Math.hypot(...embedding) - 1) < 1e-4);
  },
  async 'models, listed and one'(at) {
    const ids = [];
    for await (const model of make(at).models.list()) ids.push(model.id);
    assert.deepEqual(ids.toSorted(), Object.values(at.model).toSorted());
    assert.equal((await make(at).models.retrieve(at.model.words)).object, 'model');
  },
  async 'error: wrong key'(at) {
    await assert.rejects(make(at, { apiKey: 'sk-wrong' }).models.list(), (error) =>
      error instanceof OpenAI.AuthenticationError && error.code === 'invalid_api_key');
  },
  async 'error: unknown model'(at) {
    await assert.rejects(ask(at, { model: 'gpt-4' }), (error) =>
      error instanceof OpenAI.NotFoundError && error.code === 'model_not_found');
  },
  async 'error: wrong field, prompt too long'(at) {
    await assert.rejects(ask(at, { temperature: 'hot' }), (error) =>
      error instanceof OpenAI.BadRequestError && error.param === 'temperature' && error.type === 'invalid_request_error');
    await assert.rejects(ask(at, { messages: [{ role: 'user', content: 'あ'.repeat(4000) }] }), (error) =>
      error instanceof OpenAI.BadRequestError && error.code === 'context_length_exceeded');
  },
  'error: too many requests, tried again after Retry-After': (at) => retried(at, (key, fetch) =>
    make(at, { apiKey: key, maxRetries: 5, fetch })
      .chat.completions.create({ model: at.model.words, messages, max_tokens: 2 })),
  async 'idempotency key'(at) {
    const body = { model: at.model.words, messages, max_tokens: 8 }, options = { headers: { 'Idempotency-Key': crypto.randomUUID() } };
    const twice = [1, 2].map(() => make(at, { maxRetries: 5 }).chat.completions.create(body, options)); // 409 is tried again
    const [first, second] = await Promise.all(twice);
    assert.equal(second.id, first.id, 'one answer, given twice');
    await assert.rejects(ask(at, { temperature: 0.5 }, options), OpenAI.UnprocessableEntityError);
  },
  async 'request id'(at) {
    const answer = await ask(at, { max_tokens: 1 });
    assert.match(answer._request_id, /^\S{8,}$/);
    await assert.rejects(ask(at, { model: 'gpt-4' }), (error) => /^\S{8,}$/.test(error.requestID));
  },
};
