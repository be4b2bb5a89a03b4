// The official OpenAI client on /v1/responses: made, streamed, kept, resumed, cancelled.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { FOREVER } from '../api/scripted.mjs';
import { booking, cities, question, said, thought, weather } from './world.mjs';
import { joined } from './common.mjs';

const make = (at) => new OpenAI({ baseURL: at.url, apiKey: at.key, maxRetries: 0 }).responses;
const ask = (at, body, options) =>
  make(at).create({ model: at.model.words, input: question, temperature: 0, max_output_tokens: 8, ...body }, options);
const tools = [{ type: 'function', strict: true, ...weather }];
const call = (at, body) => ask(at, { model: at.model.caller, max_output_tokens: 512, tools, ...body });
const events = async (promise) => { const list = []; for await (const event of await promise) list.push(event); return list; };
const Booking = z.object({ room: z.enum(['和室', '洋室']), breakfast: z.boolean(), floor: z.literal([1, 2, 3]) });
const settled = async (at, id) => {
  for (;;) {
    const response = await make(at).retrieve(id);
    if (!['queued', 'in_progress'].includes(response.status)) return response;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

export const cells = {
  async 'responses: create'(at) {
    const response = await ask(at);
    assert.equal(response.object, 'response');
    assert.equal(response.status, 'incomplete');
    assert.equal(response.incomplete_details.reason, 'max_output_tokens');
    assert.ok(response.output_text.length > 0, 'the SDK adds output_text');
    assert.equal(response.usage.output_tokens, 8);
    assert.equal(response.output[0].content[0].type, 'output_text');
    const whole = await ask(at, { model: at.model.caller, input: [{ role: 'user', content: [{ type: 'input_text', text: question }] }],
      instructions: '丁寧に。', max_output_tokens: 512 });
    assert.equal(whole.status, 'completed');
  },
  async 'responses: stream'(at) {
    const list = await events(ask(at, { model: at.model.writer, max_output_tokens: 200, stream: true }));
    assert.deepEqual([...new Set(list.map((event) => event.type))], ['response.created', 'response.in_progress',
      'response.output_item.added', 'response.content_part.added', 'response.output_text.delta', 'response.output_text.done',
      'response.content_part.done', 'response.output_item.done', 'response.completed']);
    assert.deepEqual(list.map((event) => event.sequence_number), list.map((_, i) => i));
    const text = joined(list.filter((event) => event.type === 'response.output_text.delta').map((event) => event.delta));
    assert.equal(list.at(-1).response.output[0].content[0].text, text);
    const stream = make(at).stream({ model: at.model.writer, input: question, max_output_tokens: 200 });
    assert.equal((await stream.finalResponse()).output_text, text);
  },
  async 'responses: stream aborted, its job ends'(at) {
    const stream = await ask(at, { model: at.model.endless, max_output_tokens: FOREVER, stream: true });
    for await (const event of stream) if (event.type === 'response.output_text.delta') break;
    stream.controller.abort();
    await at.idle();
  },
  async 'responses: JSON Schema'(at) {
    const format = { type: 'json_schema', name: 'booking', strict: true, schema: booking };
    Booking.parse(JSON.parse((await ask(at, { max_output_tokens: 200, text: { format } })).output_text));
    const parsed = await make(at).parse({ model: at.model.words, input: question, max_output_tokens: 200,
      text: { format: zodTextFormat(Booking, 'booking') } });
    Booking.parse(parsed.output_parsed);
  },
  async 'responses: tools, and their results'(at) {
    const first = await call(at);
    const [item] = first.output.filter(({ type }) => type === 'function_call');
    assert.equal(item.name, 'weather');
    assert.deepEqual(JSON.parse(item.arguments), { city: cities[0] });
    const input = [{ role: 'user', content: question }, ...first.output,
      { type: 'function_call_output', call_id: item.call_id, output: '22度' }];
    assert.equal((await call(at, { input, store: false })).output_text, said);
    const chained = await call(at, { previous_response_id: first.id, input: input.slice(-1) });
    assert.equal(chained.output_text, said);
    const list = await events(call(at, { stream: true }));
    const deltas = list.filter((event) => event.type === 'response.function_call_arguments.delta');
    assert.deepEqual(JSON.parse(joined(deltas.map((event) => event.delta))), { city: cities[0] });
    const two = await call(at, { model: at.model['caller-of-two'] });
    assert.equal(two.output.filter(({ type }) => type === 'function_call').length, 2);
    const forced = await call(at, { model: at.model.plain, tool_choice: { type: 'function', name: 'weather' } });
    assert.equal(forced.output.at(-1).name, 'weather');
  },
  async 'responses: thinking'(at) {
    const response = await ask(at, { model: at.model.thinker, max_output_tokens: 512, include: ['reasoning.encrypted_content'] });
    assert.equal(response.output[0].type, 'reasoning');
    assert.equal(joined((response.output[0].content ?? response.output[0].summary).map(({ text }) => text)), thought);
    assert.equal(response.output_text, said);
    assert.ok(response.usage.output_tokens_details.reasoning_tokens > 0);
  },
  async 'responses: retrieve, delete'(at) {
    const { id, output_text } = await ask(at);
    assert.equal((await make(at).retrieve(id)).output_text, output_text);
    await make(at).delete(id);
    await assert.rejects(make(at).retrieve(id), OpenAI.NotFoundError);
    const unkept = await ask(at, { store: false });
    await assert.rejects(make(at).retrieve(unkept.id), OpenAI.NotFoundError);
  },
  async 'responses: previous_response_id'(at) {
    const first = await ask(at);
    const second = await ask(at, { previous_response_id: first.id, input: 'はい' });
    assert.equal(second.previous_response_id, first.id);
    assert.ok(second.usage.input_tokens > first.usage.input_tokens + first.usage.output_tokens, 'the turn before is read');
    await assert.rejects(ask(at, { previous_response_id: 'resp_00000000000000000000000000000000' }), (error) => {
      assert.ok(error instanceof OpenAI.APIError);
      assert.equal(error.param, 'previous_response_id');
      return [400, 404].includes(error.status);
    });
  },
  async 'responses: background'(at) {
    const begun = await ask(at, { background: true });
    assert.ok(['queued', 'in_progress'].includes(begun.status));
    const done = await settled(at, begun.id);
    assert.equal(done.output_text, (await ask(at)).output_text);
  },
  async 'responses: cancel'(at) {
    const begun = await ask(at, { model: at.model.endless, max_output_tokens: FOREVER, background: true });
    assert.equal((await make(at).cancel(begun.id)).status, 'cancelled');
    await at.idle();
    assert.equal((await make(at).retrieve(begun.id)).status, 'cancelled');
  },
  async 'responses: broken stream resumed (starting_after)'(at) {
    const body = { model: at.model.writer, max_output_tokens: 200, stream: true, background: true };
    const seen = [];
    const stream = await ask(at, body);
    for await (const event of stream) {
      seen.push(event);
      if (event.type === 'response.output_text.delta') break; // leaves: a background response goes on
    }
    stream.controller.abort();
    const rest = await events(make(at).retrieve(seen[0].response.id,
      { stream: true, starting_after: seen.at(-1).sequence_number }));
    const all = [...seen, ...rest];
    assert.deepEqual(all.map((event) => event.sequence_number), all.map((_, i) => i), 'nothing twice, nothing missing');
    assert.equal(all.at(-1).type, 'response.completed');
  },
};
