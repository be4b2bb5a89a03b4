// Vercel's AI SDK (ai) over its provider for compatible endpoints (@ai-sdk/openai-compatible).
import assert from 'node:assert/strict';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, Output, embed, embedMany, generateObject, generateText, isStepCount, streamObject, streamText, tool } from 'ai';
import { z } from 'zod';
import { FOREVER } from '../api/scripted.mjs';
import { cities, question, said, thought } from './world.mjs';
import { joined, leaves, retried } from './common.mjs';

const provider = (at, more = {}) =>
  createOpenAICompatible({ name: 'sekisho', baseURL: at.url, apiKey: at.key, includeUsage: true, supportsStructuredOutputs: true, ...more });
const base = (at, id = 'words', more = {}) =>
  ({ model: provider(at)(at.model[id]), prompt: question, temperature: 0, maxOutputTokens: 8, maxRetries: 0, ...more });
const asked = [];
const weather = tool({ description: 'The weather', inputSchema: z.object({ city: z.enum(cities) }),
  execute: async ({ city }) => { asked.push(city); return '22度'; } });
const caller = (at, more = {}, id = 'caller') => base(at, id, { maxOutputTokens: 512, tools: { weather }, ...more });
const Booking = z.object({ room: z.enum(['和室', '洋室']), breakfast: z.boolean(), floor: z.literal([1, 2, 3]) });
const inputs = (calls) => calls.map(({ input }) => input.city);
// A stream's own errors come as parts; whoever only reads the text is not told.
const read = async (result) => { const list = []; for await (const part of result.fullStream) list.push(part); return list; };
const quiet = { onError() {} };

export const cells = {
  async 'chat'(at) {
    const { text, finishReason, usage } = await generateText(base(at));
    assert.ok(text.length > 0);
    assert.equal(finishReason, 'length');
    assert.equal(usage.outputTokens, 8);
  },
  async 'roles and content parts'(at) {
    const { text } = await generateText({ ...base(at), prompt: undefined, system: '丁寧に。', messages: [
      { role: 'user', content: [{ type: 'text', text: '朝食は何時ですか。' }] }, { role: 'assistant', content: '七時です。' },
      { role: 'user', content: 'はい' }] });
    assert.ok(text.length > 0);
  },
  async 'stream'(at) {
    const result = streamText(base(at));
    const parts = [];
    for await (const part of result.textStream) parts.push(part);
    assert.equal(joined(parts), (await generateText(base(at))).text);
    assert.equal(await result.finishReason, 'length');
  },
  async 'stream with usage'(at) {
    const result = streamText(base(at));
    await result.consumeStream();
    assert.equal((await result.usage).outputTokens, 8);
  },
  async 'stream aborted, its job ends'(at) {
    const controller = new AbortController();
    const result = streamText({ ...base(at, 'endless', { maxOutputTokens: FOREVER }), abortSignal: controller.signal, ...quiet });
    const kinds = [];
    for await (const part of result.fullStream) {
      kinds.push(part.type);
      if (part.type === 'text-delta') controller.abort();
    }
    assert.equal(kinds.at(-1), 'abort');
    await at.idle();
  },
  async 'client times out, its job ends'(at) {
    await leaves((signal) => generateText({ ...base(at, 'endless', { maxOutputTokens: FOREVER }), abortSignal: signal }), { name: 'AbortError' });
    await at.idle();
  },
  async 'stop strings'(at) {
    const { text } = await generateText(base(at));
    const stop = text.slice(2, 4);
    const stopped = await generateText(base(at, 'words', { stopSequences: [stop] }));
    assert.equal(stopped.text, text.slice(0, text.indexOf(stop)));
    assert.equal(stopped.finishReason, 'stop');
  },
  async 'JSON mode'(at) { // what it asks for where supportsStructuredOutputs is not said
    const model = provider(at, { supportsStructuredOutputs: false })(at.model.writer);
    const { object } = await generateObject({ ...base(at), model, maxOutputTokens: 200, schema: z.object({ city: z.string() }) });
    assert.equal(object.city, cities[0]);
  },
  async 'JSON Schema, read by the SDK'(at) {
    Booking.parse((await generateObject({ ...base(at, 'words', { maxOutputTokens: 200, temperature: 1 }), schema: Booking })).object);
    const { output } = await generateText({ ...base(at, 'words', { maxOutputTokens: 200 }), output: Output.object({ schema: Booking }) });
    Booking.parse(output);
  },
  async 'JSON Schema, streamed'(at) {
    const result = streamObject({ ...base(at, 'words', { maxOutputTokens: 200 }), schema: Booking });
    let last;
    for await (const part of result.partialObjectStream) last = part;
    Booking.parse(last);
    Booking.parse(await result.object);
  },
  async 'tool call'(at) {
    const { toolCalls, finishReason } = await generateText(caller(at));
    assert.deepEqual(toolCalls.map(({ toolName, input }) => [toolName, input]), [['weather', { city: cities[0] }]]);
    assert.equal(finishReason, 'tool-calls');
  },
  async 'tool call, streamed'(at) {
    const parts = await read(streamText(caller(at)));
    assert.deepEqual(inputs(parts.filter(({ type }) => type === 'tool-call')), [cities[0]]);
    const deltas = parts.filter(({ type }) => type === 'tool-input-delta').map(({ delta }) => delta);
    assert.deepEqual(JSON.parse(joined(deltas)), { city: cities[0] });
  },
  async 'tool calls in parallel'(at) {
    assert.deepEqual(inputs((await generateText(caller(at, {}, 'caller-of-two'))).toolCalls), cities);
    const parts = await read(streamText(caller(at, {}, 'caller-of-two')));
    assert.deepEqual(inputs(parts.filter(({ type }) => type === 'tool-call')), cities);
  },
  async 'tool forced, by name or any'(at) {
    for (const toolChoice of ['required', { type: 'tool', toolName: 'weather' }]) {
      const { toolCalls } = await generateText(caller(at, { toolChoice }, 'plain'));
      assert.ok(cities.includes(toolCalls[0].input.city)); // more may follow: the provider cannot ask for one
    }
  },
  async 'tools offered, none to be called'(at) {
    assert.equal((await generateText(caller(at, { toolChoice: 'none', maxOutputTokens: 8 }, 'plain'))).toolCalls.length, 0);
  },
  async 'tool round trip'(at) {
    asked.length = 0;
    const { text, steps } = await generateText(caller(at, { stopWhen: isStepCount(5) }));
    assert.equal(text, said);
    assert.equal(steps.length, 2);
    assert.deepEqual(asked, [cities[0]]);
  },
  async 'tool round trip, streamed'(at) {
    const result = streamText(caller(at, { stopWhen: isStepCount(5) }));
    await result.consumeStream();
    assert.equal(await result.text, said);
    assert.equal((await result.steps).length, 2);
  },
  async 'thinking'(at) {
    const { text, reasoningText, usage } = await generateText(base(at, 'thinker', { maxOutputTokens: 512 }));
    assert.equal(text, said);
    assert.equal(reasoningText, thought);
    assert.ok(usage.outputTokenDetails.reasoningTokens > 0);
    const parts = await read(streamText(base(at, 'thinker', { maxOutputTokens: 512 })));
    assert.equal(joined(parts.filter(({ type }) => type === 'reasoning-delta').map((part) => part.text)), thought);
  },
  async 'completions'(at) {
    const model = provider(at).completionModel(at.model.words);
    const { text } = await generateText({ ...base(at), model, prompt: '朝食は', maxOutputTokens: 8 });
    assert.ok(text.length > 0);
  },
  async 'embeddings'(at) {
    const model = provider(at).embeddingModel(at.model.encoder);
    const { embeddings } = await embedMany({ model, values: ['hello', 'world'], maxRetries: 0 });
    assert.deepEqual((await embed({ model, value: 'hello', maxRetries: 0 })).embedding, embeddings[0]);
    const { embedding } = await embed({ model, value: 'hello', maxRetries: 0, providerOptions: { sekisho: { dimensions: 8 } } });
    assert.equal(embedding.length, 8);
  },
  async 'error: wrong key'(at) {
    const model = provider(at, { apiKey: 'sk-wrong' })(at.model.words);
    await assert.rejects(generateText({ ...base(at), model }), (error) =>
      APICallError.isInstance(error) && error.statusCode === 401 && !error.isRetryable);
  },
  async 'error: unknown model'(at) {
    await assert.rejects(generateText({ ...base(at), model: provider(at)('gpt-4') }), (error) =>
      APICallError.isInstance(error) && error.statusCode === 404 && /gpt-4/.test(error.message));
  },
  async 'error: wrong field, prompt too long'(at) {
    await assert.rejects(generateText(base(at, 'words', { temperature: 9 })), (error) =>
      APICallError.isInstance(error) && error.data.error.param === 'temperature');
    await assert.rejects(generateText(base(at, 'words', { prompt: 'あ'.repeat(4000) })), (error) =>
      error.data.error.code === 'context_length_exceeded');
  },
  'error: too many requests, tried again after Retry-After': (at) => retried(at, (key, fetch) =>
    generateText({ ...base(at), model: provider(at, { apiKey: key, fetch })(at.model.words), maxOutputTokens: 2, maxRetries: 5 })),
};
