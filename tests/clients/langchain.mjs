// LangChain's OpenAI integration: chat, tools, structured output, embeddings, completions, responses.
import assert from 'node:assert/strict';
import { AIMessage, HumanMessage, SystemMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAI as OpenAICompletions, OpenAIEmbeddings } from '@langchain/openai';
import { z } from 'zod';
import { FOREVER } from '../api/scripted.mjs';
import { cities, question, said, thought } from './world.mjs';
import { joined, retried } from './common.mjs';

const reach = (at) => ({ apiKey: at.key, maxRetries: 0, configuration: { baseURL: at.url } });
const chat = (at, more = {}) => new ChatOpenAI({ ...reach(at), model: at.model.words, temperature: 0, maxTokens: 8, ...more });
const weather = tool(async () => '22度', { name: 'weather', description: 'The weather', schema: z.object({ city: z.enum(cities) }) });
const caller = (at, options, more = {}) =>
  chat(at, { model: at.model.caller, maxTokens: 512, ...more }).bindTools([weather], options);
const Booking = z.object({ room: z.enum(['和室', '洋室']), breakfast: z.boolean(), floor: z.literal([1, 2, 3]) });
const chunks = async (stream) => { const list = []; for await (const chunk of await stream) list.push(chunk); return list; };
const whole = (list) => list.reduce((left, right) => left.concat(right));

export const cells = {
  async 'chat'(at) {
    const message = await chat(at).invoke(question);
    assert.ok(message.content.length > 0);
    assert.equal(message.usage_metadata.output_tokens, 8);
    assert.equal(message.response_metadata.finish_reason, 'length');
  },
  async 'roles and content parts'(at) {
    const message = await chat(at).invoke([new SystemMessage('丁寧に。'), new HumanMessage([{ type: 'text', text: '朝食は何時ですか。' }]),
      new AIMessage('七時です。'), new HumanMessage('はい')]);
    assert.ok(message.content.length > 0);
  },
  async 'stream'(at) {
    const list = await chunks(chat(at).stream(question));
    assert.ok(list.length > 2);
    assert.equal(joined(list.map(({ content }) => content)), (await chat(at).invoke(question)).content);
  },
  async 'stream with usage'(at) { // LangChain asks for it by itself
    assert.equal(whole(await chunks(chat(at).stream(question))).usage_metadata.output_tokens, 8);
  },
  async 'stream aborted, its job ends'(at) {
    const controller = new AbortController();
    const stream = await chat(at, { model: at.model.endless, maxTokens: FOREVER }).stream(question, { signal: controller.signal });
    await assert.rejects(async () => { for await (const chunk of stream) if (chunk.content) controller.abort(); });
    await at.idle();
  },
  async 'client times out, its job ends'(at) {
    await assert.rejects(chat(at, { model: at.model.endless, maxTokens: FOREVER, timeout: 150 }).invoke(question));
    await at.idle();
  },
  async 'several choices (n)'(at) {
    const { generations: [list] } = await chat(at, { n: 3, temperature: 1 }).generate([[new HumanMessage(question)]]);
    assert.equal(list.length, 3);
  },
  async 'logprobs'(at) {
    const message = await chat(at, { logprobs: true, topLogprobs: 2 }).invoke(question);
    assert.equal(message.response_metadata.logprobs.content.length, 8);
    assert.equal(message.response_metadata.logprobs.content[0].top_logprobs.length, 2);
  },
  async 'stop strings'(at) {
    const { content } = await chat(at).invoke(question);
    const stop = content.slice(2, 4);
    assert.equal((await chat(at).invoke(question, { stop: [stop] })).content, content.slice(0, content.indexOf(stop)));
  },
  async 'JSON mode'(at) {
    const model = chat(at, { model: at.model.writer, maxTokens: 200 });
    const read = await model.withStructuredOutput(z.object({ city: z.string() }), { method: 'jsonMode' }).invoke(question);
    assert.equal(read.city, cities[0]);
  },
  async 'JSON Schema, read by the SDK'(at) {
    for (const [method, model] of [['jsonSchema', at.model.words], ['functionCalling', at.model.plain]])
      Booking.parse(await chat(at, { model, maxTokens: 512 }).withStructuredOutput(Booking, { method, name: 'booking' }).invoke(question));
  },
  async 'JSON Schema, streamed'(at) {
    const model = chat(at, { maxTokens: 200 }).withStructuredOutput(Booking, { method: 'jsonSchema', name: 'booking' });
    Booking.parse((await chunks(model.stream(question))).at(-1));
  },
  async 'tool call'(at) {
    const message = await caller(at).invoke(question);
    assert.deepEqual(message.tool_calls.map(({ name, args }) => [name, args]), [['weather', { city: cities[0] }]]);
    assert.equal(message.response_metadata.finish_reason, 'tool_calls');
  },
  async 'tool call, streamed'(at) {
    const message = whole(await chunks(caller(at).stream(question)));
    assert.deepEqual(message.tool_calls.map(({ args }) => args), [{ city: cities[0] }]);
  },
  async 'tool calls in parallel'(at) {
    const two = { model: at.model['caller-of-two'] };
    assert.deepEqual((await caller(at, {}, two).invoke(question)).tool_calls.map(({ args }) => args.city), cities);
    assert.equal((await caller(at, { parallel_tool_calls: false }, two).invoke(question)).tool_calls.length, 1);
  },
  async 'tool forced, by name or any'(at) {
    for (const tool_choice of ['any', 'required', 'weather']) {
      const message = await caller(at, { tool_choice, parallel_tool_calls: false }, { model: at.model.plain }).invoke(question);
      assert.ok(cities.includes(message.tool_calls[0].args.city));
    }
  },
  async 'tools offered, none to be called'(at) {
    const message = await caller(at, { tool_choice: 'none' }, { model: at.model.plain, maxTokens: 8 }).invoke(question);
    assert.equal(message.tool_calls.length, 0);
  },
  async 'tool round trip'(at) {
    const first = await caller(at).invoke(question);
    const result = await weather.invoke(first.tool_calls[0]);
    assert.ok(result instanceof ToolMessage);
    assert.equal((await caller(at).invoke([new HumanMessage(question), first, result])).content, said);
  },
  async 'tool round trip, streamed'(at) {
    const first = whole(await chunks(caller(at).stream(question)));
    const result = await weather.invoke(first.tool_calls[0]);
    assert.equal(whole(await chunks(caller(at).stream([new HumanMessage(question), first, result]))).content, said);
  },
  async 'thinking'(at) { // through /v1/responses: of chat's reasoning_content it knows nothing
    const message = await chat(at, { model: at.model.thinker, maxTokens: 512, useResponsesApi: true }).invoke(question);
    assert.equal(message.text, said);
    const blocks = message.contentBlocks.filter(({ type }) => type === 'reasoning');
    assert.ok(blocks.length === 1 && (blocks[0].reasoning === thought || blocks[0].reasoning === ''));
  },
  async 'completions'(at) {
    const model = new OpenAICompletions({ ...reach(at), model: at.model.words, temperature: 0, maxTokens: 8 });
    const text = await model.invoke('朝食は');
    assert.ok(text.length > 0);
    assert.equal(joined(await chunks(model.stream('朝食は'))), text);
  },
  async 'embeddings'(at) {
    const model = new OpenAIEmbeddings({ ...reach(at), model: at.model.encoder });
    const [hello, world] = await model.embedDocuments(['hello', 'world']);
    assert.deepEqual(await model.embedQuery('hello'), hello);
    assert.notDeepEqual(world, hello);
    const short = new OpenAIEmbeddings({ ...reach(at), model: at.model.encoder, dimensions: 8 });
    assert.equal((await short.embedQuery('hello')).length, 8);
  },
  async 'responses: create'(at) {
    const message = await chat(at, { useResponsesApi: true }).invoke(question);
    assert.ok(message.text.length > 0);
    assert.equal(message.usage_metadata.output_tokens, 8);
  },
  async 'responses: stream'(at) {
    const list = await chunks(chat(at, { useResponsesApi: true }).stream(question));
    assert.equal(whole(list).text, (await chat(at, { useResponsesApi: true }).invoke(question)).text);
  },
  async 'responses: JSON Schema'(at) {
    const model = chat(at, { useResponsesApi: true, maxTokens: 200 });
    Booking.parse(await model.withStructuredOutput(Booking, { method: 'jsonSchema', name: 'booking' }).invoke(question));
  },
  async 'responses: tools, and their results'(at) {
    const model = caller(at, {}, { useResponsesApi: true });
    const first = await model.invoke(question);
    assert.deepEqual(first.tool_calls.map(({ args }) => args), [{ city: cities[0] }]);
    const result = await weather.invoke(first.tool_calls[0]);
    assert.equal((await model.invoke([new HumanMessage(question), first, result])).text, said);
  },
  async 'responses: previous_response_id'(at) {
    const model = chat(at, { useResponsesApi: true });
    const first = await model.invoke(question);
    const second = await model.invoke('はい', { previous_response_id: first.response_metadata.id });
    assert.ok(second.usage_metadata.input_tokens > first.usage_metadata.input_tokens);
  },
  async 'error: wrong key'(at) {
    await assert.rejects(chat(at, { apiKey: 'sk-wrong' }).invoke(question), (error) =>
      error.status === 401 && error.lc_error_code === 'MODEL_AUTHENTICATION');
  },
  async 'error: unknown model'(at) {
    await assert.rejects(chat(at, { model: 'gpt-4' }).invoke(question), (error) =>
      error.status === 404 && error.lc_error_code === 'MODEL_NOT_FOUND');
  },
  async 'error: wrong field, prompt too long'(at) {
    await assert.rejects(chat(at, { temperature: 9 }).invoke(question), (error) => error.status === 400 && error.param === 'temperature');
    await assert.rejects(chat(at).invoke('あ'.repeat(4000)), (error) => error.code === 'context_length_exceeded' || error.name === 'ContextOverflowError');
  },
  'error: too many requests, tried again after Retry-After': (at) => retried(at, (key, fetch) =>
    chat(at, { apiKey: key, maxTokens: 2, maxRetries: 5, configuration: { baseURL: at.url, fetch } }).invoke(question)),
};
