// The official Anthropic client: messages, their stream, tools, thinking, counting, errors.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { z } from 'zod';
import { FOREVER } from '../api/scripted.mjs';
import { booking, cities, messages, question, said, thought, weather } from './world.mjs';
import { joined, leaves, retried } from './common.mjs';

const make = (at, more = {}) => new Anthropic({ baseURL: at.root, apiKey: at.key, maxRetries: 0, ...more });
const ask = (at, body, options) =>
  make(at).messages.create({ model: at.model.words, messages, temperature: 0, max_tokens: 8, ...body }, options);
const tools = [{ name: weather.name, description: weather.description, input_schema: weather.parameters }];
const call = (at, body) => ask(at, { model: at.model.caller, max_tokens: 512, tools, ...body });
const uses = ({ content }) => content.filter(({ type }) => type === 'tool_use');
const textOf = ({ content }) => joined(content.filter(({ type }) => type === 'text').map(({ text }) => text));

export const cells = {
  async 'chat'(at) {
    const message = await ask(at);
    assert.equal(message.type, 'message');
    assert.equal(message.role, 'assistant');
    assert.ok(textOf(message).length > 0);
    assert.equal(message.stop_reason, 'max_tokens');
    assert.equal(message.usage.output_tokens, 8);
  },
  async 'roles and content parts'(at) {
    const turns = [{ role: 'user', content: [{ type: 'text', text: '朝食は何時ですか。', cache_control: { type: 'ephemeral' } }] },
      { role: 'assistant', content: '七時です。' }, { role: 'user', content: 'はい' }];
    const system = [{ type: 'text', text: '丁寧に。', cache_control: { type: 'ephemeral' } }];
    assert.ok(textOf(await ask(at, { messages: turns, system, metadata: { user_id: 'u' } })).length > 0);
    const with_system = (await ask(at, { system: '丁寧に。' })).usage.input_tokens;
    assert.ok(with_system > (await ask(at)).usage.input_tokens);
    const image = [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } }] }];
    await assert.rejects(ask(at, { messages: image }), (error) =>
      error instanceof Anthropic.BadRequestError && /messages\.0\.content|messages\[0\]\.content/.test(error.message));
  },
  async 'stream'(at) { // six of the eight events; ping and error have their own lives
    const kinds = new Set();
    const stream = make(at).messages.stream({ model: at.model.words, messages, temperature: 0, max_tokens: 8 });
    stream.on('streamEvent', (event) => kinds.add(event.type));
    const message = await stream.finalMessage();
    assert.deepEqual([...kinds].filter((kind) => kind !== 'ping'), ['message_start', 'content_block_start',
      'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop']);
    assert.equal(textOf(message), textOf(await ask(at)));
    assert.equal(message.stop_reason, 'max_tokens');
  },
  async 'stream with usage'(at) {
    const message = await make(at).messages.stream({ model: at.model.words, messages, temperature: 0, max_tokens: 8 }).finalMessage();
    assert.equal(message.usage.output_tokens, 8);
    assert.equal(message.usage.input_tokens, (await ask(at)).usage.input_tokens);
  },
  async 'stream aborted, its job ends'(at) {
    const stream = make(at).messages.stream({ model: at.model.endless, messages, max_tokens: FOREVER });
    for await (const event of stream) if (event.type === 'content_block_delta') break;
    stream.abort();
    await at.idle();
  },
  async 'client times out, its job ends'(at) {
    const endless = { model: at.model.endless, max_tokens: FOREVER };
    await assert.rejects(ask(at, endless, { timeout: 150 }), Anthropic.APIConnectionTimeoutError);
    await at.idle();
    await leaves((signal) => ask(at, endless, { signal, timeout: 600000 }), Anthropic.APIUserAbortError);
    await at.idle();
  },
  async 'stop strings'(at) {
    const whole = textOf(await ask(at));
    const stop = whole.slice(2, 4);
    const message = await ask(at, { stop_sequences: ['まったく出ない', stop] });
    assert.equal(textOf(message), whole.slice(0, whole.indexOf(stop)));
    assert.equal(message.stop_reason, 'stop_sequence');
    assert.equal(message.stop_sequence, stop);
  },
  async 'JSON Schema'(at) {
    const message = await ask(at, { max_tokens: 200, temperature: 1, output_config: { format: { type: 'json_schema', schema: booking } } });
    assert.equal(message.stop_reason, 'end_turn');
    assert.deepEqual(Object.keys(JSON.parse(textOf(message))).sort(), ['breakfast', 'floor', 'room']);
  },
  async 'tool call'(at) {
    const message = await call(at);
    assert.equal(message.stop_reason, 'tool_use');
    assert.equal(uses(message).length, 1);
    assert.equal(uses(message)[0].name, 'weather');
    assert.deepEqual(uses(message)[0].input, { city: cities[0] });
  },
  async 'tool call, streamed'(at) {
    const stream = make(at).messages.stream({ model: at.model.caller, messages, max_tokens: 512, tools });
    const parts = [];
    stream.on('inputJson', (part) => parts.push(part));
    const message = await stream.finalMessage();
    assert.deepEqual(uses(message)[0].input, { city: cities[0] });
    assert.deepEqual(JSON.parse(joined(parts)), { city: cities[0] });
  },
  async 'tool calls in parallel'(at) {
    const body = { model: at.model['caller-of-two'] };
    assert.deepEqual(uses(await call(at, body)).map(({ input }) => input.city), cities);
    const streamed = await make(at).messages.stream({ messages, tools, max_tokens: 512, ...body }).finalMessage();
    assert.deepEqual(uses(streamed).map(({ input }) => input.city), cities);
    const single = await call(at, { ...body, tool_choice: { type: 'auto', disable_parallel_tool_use: true } });
    assert.equal(uses(single).length, 1);
  },
  async 'tool forced, by name or any'(at) {
    for (const tool_choice of [{ type: 'any', disable_parallel_tool_use: true },
      { type: 'tool', name: 'weather', disable_parallel_tool_use: true }]) {
      const message = await call(at, { model: at.model.plain, tool_choice });
      assert.ok(cities.includes(uses(message)[0].input.city));
    }
    await assert.rejects(call(at, { tool_choice: { type: 'tool', name: 'other' } }), (error) =>
      error instanceof Anthropic.BadRequestError && /tool_choice/.test(error.message));
  },
  async 'tools offered, none to be called'(at) {
    const message = await call(at, { model: at.model.plain, tool_choice: { type: 'none' }, max_tokens: 8 });
    assert.equal(uses(message).length, 0);
  },
  async 'tool round trip'(at) {
    const asked = []; // the runner asks for a kept conversation, is told it is lost, and sends it whole
    const tool = betaZodTool({ name: 'weather', description: 'The weather', inputSchema: z.object({ city: z.enum(cities) }),
      run: ({ city }) => { asked.push(city); return '22度'; } });
    const last = await make(at).beta.messages.toolRunner({ model: at.model.caller, messages, max_tokens: 512, tools: [tool] });
    assert.equal(textOf(last), said);
    assert.deepEqual(asked, [cities[0]]);
  },
  async 'tool round trip, streamed'(at) {
    const [use] = uses(await call(at));
    const turns = [...messages, { role: 'assistant', content: [use] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: [{ type: 'text', text: '22度' }] }] }];
    const stream = make(at).messages.stream({ model: at.model.caller, messages: turns, max_tokens: 512, tools });
    assert.equal(await stream.finalText(), said);
  },
  async 'thinking'(at) {
    const body = { model: at.model.thinker, max_tokens: 2048, thinking: { type: 'enabled', budget_tokens: 1024 }, temperature: 1 };
    const message = await ask(at, body);
    assert.deepEqual(message.content.map(({ type }) => type), ['thinking', 'text']);
    assert.equal(message.content[0].thinking, thought);
    assert.equal(textOf(message), said);
    const streamed = await make(at).messages.stream({ messages, ...body }).finalMessage();
    assert.equal(streamed.content[0].thinking, thought);
    const turns = [...messages, { role: 'assistant', content: message.content }, { role: 'user', content: question }];
    assert.equal(textOf(await ask(at, { ...body, messages: turns })), said, 'thinking blocks may come back');
  },
  async 'tokens counted'(at) {
    const { input_tokens } = await make(at).messages.countTokens({ model: at.model.words, messages });
    const { usage } = await ask(at);
    assert.equal(input_tokens, usage.input_tokens + usage.cache_read_input_tokens);
    const withTools = await make(at).messages.countTokens({ model: at.model.caller, messages, tools });
    assert.ok(withTools.input_tokens > (await make(at).messages.countTokens({ model: at.model.caller, messages })).input_tokens);
  },
  async 'models, listed and one'(at) {
    const ids = [];
    for await (const model of make(at).models.list()) ids.push(model.id);
    assert.deepEqual(ids.toSorted(), Object.values(at.model).toSorted());
    assert.equal((await make(at).models.retrieve(at.model.words)).id, at.model.words);
  },
  async 'error: wrong key'(at) {
    await assert.rejects(make(at, { apiKey: 'sk-wrong' }).messages.create({ model: at.model.words, messages, max_tokens: 1 }), (error) =>
      error instanceof Anthropic.AuthenticationError && error.error.error.type === 'authentication_error');
  },
  async 'error: unknown model'(at) {
    await assert.rejects(ask(at, { model: 'claude-x' }), (error) =>
      error instanceof Anthropic.NotFoundError && error.error.error.type === 'not_found_error');
  },
  async 'error: wrong field, prompt too long'(at) {
    await assert.rejects(ask(at, { temperature: 'hot' }), (error) => {
      assert.ok(error instanceof Anthropic.BadRequestError);
      assert.equal(error.error.type, 'error');
      assert.equal(error.error.error.type, 'invalid_request_error');
      return /temperature/.test(error.error.error.message);
    });
    await assert.rejects(ask(at, { messages: [{ role: 'user', content: 'あ'.repeat(4000) }] }), Anthropic.BadRequestError);
  },
  'error: too many requests, tried again after Retry-After': (at) => retried(at, (key, fetch) =>
    make(at, { apiKey: key, maxRetries: 5, fetch })
      .messages.create({ model: at.model.words, messages, max_tokens: 2 })),
  async 'request id'(at) {
    const message = await ask(at, { max_tokens: 1 });
    assert.match(message._request_id, /^req_\S{8,}$/);
    await assert.rejects(ask(at, { model: 'claude-x' }), (error) =>
      error.requestID && error.requestID === error.error.request_id);
  },
};
