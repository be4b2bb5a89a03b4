// Responses in the background on a real node: followed, left, resumed, cancelled, failed, expired;
// and the shape of everything, as the types of OpenAI's client have it.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import OpenAI from 'openai';
import { configure, init, serve, verify } from './node.mjs';
import { FOREVER, pieces, scripted } from './scripted.mjs';

const template = `{%- if tools %}<|im_start|>system
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
<tool_call>
{"name": <name>, "arguments": <arguments>}
</tool_call><|im_end|>
{% endif %}
{%- for m in messages %}<|im_start|>{{ m.role }}
{{ m.content or '' }}<|im_end|>
{% endfor %}<|im_start|>assistant
`;
const thinking = `{%- for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and not enable_thinking %}<think>

</think>

{% endif %}
{%- endif %}`;
const call = (city) => `<tool_call>\n{"name": "weather", "arguments": {"city": "${city}"}}\n</tool_call>`;
const said = '晴れです。'.repeat(20), thought = '雨かな。';
const tools = [{ type: 'function', name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } }];
const scripts = { endless: [template, ['あ', 'い', { again: 0 }]], says: [template, pieces(said, 5)],
  calls: [template, pieces(`はい。${call('京都')}\n${call('東京')}`, 3)],
  thinks: [thinking, pieces(`<think>\n${thought}\n</think>\n\n${said}`, 3)] };

let place, node, client;
const begin = async (lines = []) => {
  const here = init();
  const rows = Object.entries(scripts).map(([id, [form, script]]) => {
    const model = scripted({ template: form, scripts: [script], special: ['<|im_start|>'], eos: '<|im_end|>',
      context: id === 'endless' ? FOREVER : 32768 });
    return `  - {id: "${id}", file: "${model.write(join(here.directory, `${id}.gguf`))}", parallel: 4}\n`;
  });
  configure(here, [[/models:\n( .*\n)+/, `models:\n${rows.join('')}`], ...lines]);
  return [here, await serve(here)];
};
const clientOf = (where, at) => new OpenAI({ baseURL: at.url, apiKey: where.key, maxRetries: 0 });
before(async () => {
  [place, node] = await begin();
  client = clientOf(place, node);
});
after(async () => {
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  assert.deepEqual(node.log().match(/ (fell|fail) .*/g), [' fell room=engine signal=9'], 'the one that was killed');
  place.remove();
});

const create = (body, options) => client.responses.create({ model: 'says', input: 'はい', ...body }, options);
const endless = (body) => create({ model: 'endless', background: true, max_output_tokens: FOREVER, ...body });
const pause = () => new Promise((resolve) => setTimeout(resolve, 10));
const running = async () => (await (await fetch(node.url.replace('/v1', '/readyz'))).json()).running;
const idle = async () => { while (await running() > 0) await pause(); };
const ended = async (id, api = client) => {
  for (;;) {
    const response = await api.responses.retrieve(id);
    if (!['queued', 'in_progress'].includes(response.status)) return response;
    await pause();
  }
};
const refused = (promise, status, code) => assert.rejects(promise, (error) => {
  assert.deepEqual([error.status, error.code], [status, code], error.message);
  return true;
});
const all = async (stream) => { const list = []; for await (const event of await stream) list.push(event); return list; };

// ---- shapes: what openai's responses.d.ts requires of what we send ----

const text = 'string', number = 'number', yes = 'boolean', list = 'array', object = 'object', maybe = (kind) => [kind, 'null'];
const kindOf = (value) => value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
const part = { output_text: { annotations: list, text, logprobs: list }, reasoning_text: { text } };
const item = { message: { id: text, content: list, role: text, status: text }, reasoning: { id: text, summary: list, content: list },
  function_call: { id: text, arguments: text, call_id: text, name: text, status: text } };
const usage = { input_tokens: number, output_tokens: number, total_tokens: number, input_tokens_details: object, output_tokens_details: object };
const response = { id: text, access_programs: maybe(object), created_at: number, error: maybe(object), incomplete_details: maybe(object),
  instructions: maybe(text), metadata: maybe(object), model: text, object: text, output: list, parallel_tool_calls: yes,
  temperature: maybe(number), tool_choice: text, tools: list, top_p: maybe(number), status: text, background: maybe(yes),
  max_output_tokens: maybe(number), previous_response_id: maybe(text), reasoning: object, service_tier: text, text: object,
  top_logprobs: number, truncation: text, store: yes };
const whole = { response: object }, at = { item_id: text, output_index: number }, inside = { ...at, content_index: number };
const event = { created: whole, queued: whole, in_progress: whole, completed: whole, incomplete: whole, failed: whole,
  'output_item.added': { item: object, output_index: number }, 'output_item.done': { item: object, output_index: number },
  'content_part.added': { ...inside, part: object }, 'content_part.done': { ...inside, part: object },
  'output_text.delta': { ...inside, delta: text, logprobs: list }, 'output_text.done': { ...inside, text, logprobs: list },
  'reasoning_text.delta': { ...inside, delta: text }, 'reasoning_text.done': { ...inside, text },
  'function_call_arguments.delta': { ...at, delta: text }, 'function_call_arguments.done': { ...at, arguments: text } };
const fits = (value, wanted) => {
  assert.ok(wanted, JSON.stringify(value));
  for (const [name, kind] of Object.entries(wanted)) assert.ok([kind].flat().includes(kindOf(value[name])), `${name} of ${JSON.stringify(value)}`);
};
const itemFits = (value) => {
  fits(value, item[value.type]);
  for (const inner of value.content ?? []) fits(inner, part[inner.type]);
};
const responseFits = (value) => {
  fits(value, response);
  for (const tool of value.tools) fits(tool, { type: text, name: text, parameters: maybe(object), strict: maybe(yes) });
  value.output.forEach(itemFits);
  if (value.usage) fits(value.usage, usage);
};
const eventFits = (value, i) => {
  assert.equal(value.sequence_number, i);
  fits(value, event[value.type.replace('response.', '')]);
  if (value.response) responseFits(value.response);
  if (value.item) itemFits(value.item);
  if (value.part) fits(value.part, part[value.part.type]);
};

for (const model of ['says', 'calls', 'thinks'])
  test(`every event and object has its shape: ${model}`, async () => {
    const body = { model, ...(model === 'calls' ? { tools } : {}), include: ['message.output_text.logprobs'], top_logprobs: 1,
      user: 'u', safety_identifier: 's', prompt_cache_key: 'k', temperature: 0 };
    const events = await all(create({ ...body, stream: true }));
    events.forEach(eventFits);
    const last = events.at(-1).response, made = await create(body);
    responseFits(made);
    assert.deepEqual([made.user, made.safety_identifier, made.prompt_cache_key], ['u', 's', 'k']);
    const bare = ({ output }) => JSON.stringify(output).replace(/(msg|rs|fc|call)_[0-9a-f]{24}/g, '$1');
    assert.equal(bare(made), bare(last));
    assert.deepEqual(events.filter(({ type }) => type === 'response.output_item.done').map((done) => done.item.id), last.output.map(({ id }) => id));
    if (model === 'calls') {
      assert.deepEqual(made.output.map(({ type }) => type), ['message', 'function_call', 'function_call']);
      assert.notEqual(made.output[1].call_id, made.output[2].call_id);
      // Everything goes back as it came.
      const results = made.output.slice(1).map(({ call_id }) => ({ type: 'function_call_output', call_id, output: '22' }));
      await create({ model, tools, input: [{ role: 'user', content: 'はい' }, ...made.output, ...results], store: false });
      await create({ model, tools, input: results, previous_response_id: made.id });
      const one = await create({ model, tools, parallel_tool_calls: false });
      assert.equal(one.output.filter(({ type }) => type === 'function_call').length, 1);
    }
    if (model === 'thinks') assert.equal(made.output[0].content[0].text, thought);
  });

test('three turns, each item listed once, in pages', async () => {
  let previous, input = 'はい';
  for (let turn = 0; turn < 3; turn++) {
    const made = await create({ input, previous_response_id: previous });
    previous = made.id;
    input = [{ role: 'user', content: [{ type: 'input_text', text: `${turn}` }] }];
  }
  const listed = [];
  for await (const one of client.responses.inputItems.list(previous, { order: 'asc', limit: 2 })) listed.push(one);
  assert.deepEqual(listed.map(({ role }) => role), ['user', 'assistant', 'user', 'assistant', 'user']);
  assert.equal(new Set(listed.map(({ id }) => id)).size, 5);
  for (const { type, status, content } of listed) {
    assert.deepEqual([type, status], ['message', 'completed']);
    assert.ok(content[0].text.length > 0);
  }
  const page = await client.responses.inputItems.list(previous, { limit: 1 });
  assert.deepEqual([page.data[0].id, page.has_more], [listed.at(-1).id, true]);
});

// ---- the background ----

test('begun, in progress, over', async () => {
  const begun = await endless();
  responseFits(begun);
  assert.equal(begun.status, 'queued');
  assert.equal((await client.responses.retrieve(begun.id)).status, 'in_progress');
  await refused(create({ previous_response_id: begun.id }), 400, 'previous_response_in_progress');
  await refused(client.responses.retrieve(begun.id, { stream: true }), 400, 'invalid_value');
  assert.equal((await client.responses.inputItems.list(begun.id)).data.length, 1);
  const cancelled = await client.responses.cancel(begun.id);
  assert.equal(cancelled.status, 'cancelled');
  responseFits(cancelled);
  await idle();
  assert.equal((await client.responses.retrieve(begun.id)).status, 'cancelled');
  const made = await ended((await create({ background: true })).id);
  assert.deepEqual([made.status, made.output_text], ['completed', said]);
  assert.equal(verify(place, made).status, 0);
  await client.responses.delete((await endless()).id);
  await idle();
});

test('left and resumed: every event once, also when it is over', async () => {
  const seen = [], stream = await endless({ stream: true, max_output_tokens: 3000 });
  for await (const one of stream) {
    seen.push(one);
    if (seen.length === 20) break; // the client leaves
  }
  const { id } = seen[0].response;
  for (const one of await all(client.responses.retrieve(id, { stream: true, starting_after: 19 }))) seen.push(one);
  seen.forEach(eventFits);
  assert.equal(seen.at(-1).type, 'response.incomplete');
  const kept = await all(client.responses.retrieve(id, { stream: true }));
  assert.deepEqual(kept, seen);
  assert.equal(verify(place, seen.at(-1).response).status, 0);
  assert.deepEqual(await all(client.responses.retrieve(id, { stream: true, starting_after: seen.length })), []);
});

// The body of an answer in chunks (RFC 9112 section 7.1), which may be cut anywhere.
function unchunked(answer) {
  let body = '';
  for (let at = answer.indexOf('\r\n\r\n') + 4; ;) {
    const line = answer.indexOf('\r\n', at), size = parseInt(answer.slice(at, line), 16);
    if (!size) return body;
    body += answer.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
  }
}

test('two follow, one leaves, one hardly reads', async () => {
  const stream = await endless({ stream: true, max_output_tokens: 4000 });
  const first = (await stream[Symbol.asyncIterator]().next()).value;
  const { id } = first.response;
  const slow = connect(new URL(node.url).port, '127.0.0.1');
  slow.write(`GET /v1/responses/${id}?stream=true HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${place.key}\r\n\r\n`);
  slow.pause();
  const leaves = await client.responses.retrieve(id, { stream: true });
  for await (const one of leaves) if (one.sequence_number > 5) break;
  stream.controller.abort();
  const two = await Promise.all([0, 1].map(() => all(client.responses.retrieve(id, { stream: true }))));
  two[0].forEach(eventFits);
  assert.deepEqual(two[0], two[1]);
  // Nobody waits for the slow one, which has every event yet.
  assert.equal((await ended(id)).status, 'incomplete');
  let late = '';
  slow.setEncoding('latin1').on('data', (data) => { late += data; }).resume();
  await new Promise((resolve) => slow.once('close', resolve));
  assert.equal(unchunked(late).match(/^event: /gm).length, two[0].length);
  await idle();
});

test('what is refused is a refusal', async () => {
  await refused(create({ model: 'none', background: true }), 404, 'model_not_found');
  const broken = { type: 'json_schema', name: 's', strict: true, schema: { type: 'object', properties: { a: { not: {} } }, required: ['a'], additionalProperties: false } };
  await assert.rejects(create({ background: true, stream: true, text: { format: broken } }), { status: 400 });
  await refused(create({ background: true, store: false }), 400, 'invalid_value');
  await refused(create({ background: true }, { headers: { 'idempotency-key': 'k' } }), 400, 'invalid_value');
  const once = { headers: { 'idempotency-key': 'once' } };
  const made = await create({}, once);
  assert.deepEqual(await create({}, once), made);
  assert.equal((await client.responses.retrieve(made.id)).id, made.id);
  await idle();
});

test('more than 32 at once are refused, the others have their turn', async () => {
  let refusals = 0, open;
  const enough = new Promise((resolve) => { open = resolve; });
  const one = async () => {
    try {
      const { id } = await endless();
      await enough;
      return (await client.responses.cancel(id)).status;
    } catch (error) {
      if (++refusals === 8) open();
      return `${error.status} ${error.code}`;
    }
  };
  const ends = await Promise.all(Array.from({ length: 40 }, one));
  assert.deepEqual(ends.sort(), [...Array(8).fill('429 too_many_requests'), ...Array(32).fill('cancelled')]);
  await idle();
});

test('a follower of a response that is dropped is let go; the engine room killed fails it', async () => {
  const dropped = await endless({ stream: true });
  const walk = dropped[Symbol.asyncIterator]();
  const { id } = (await walk.next()).value.response;
  await client.responses.delete(id);
  for (;;) if ((await walk.next()).done) break;
  await idle();
  const stream = await endless({ stream: true }), events = [];
  for await (const one of stream) {
    events.push(one);
    if (events.length === 10) {
      const rooms = execFileSync('pgrep', ['-P', String(node.child.pid)], { encoding: 'utf8' }).trim().split('\n');
      const engine = rooms.find((pid) => execFileSync('ps', ['-o', 'comm=', '-p', pid], { encoding: 'utf8' }).trim() === 'engine');
      process.kill(Number(engine), 'SIGKILL');
    }
  }
  events.forEach(eventFits);
  assert.equal(events.at(-1).type, 'response.failed');
  const failed = await client.responses.retrieve(events[0].response.id);
  assert.deepEqual([failed.status, failed.error.code], ['failed', 'server_error']);
  assert.equal(failed.output.at(-1).status, 'incomplete');
  assert.deepEqual(await all(client.responses.retrieve(failed.id, { stream: true })), events);
});

test('a node that keeps nothing says so; what is kept goes at its time', async () => {
  const [here, other] = await begin([[/seconds: 3600/, 'seconds: 0']]);
  const api = clientOf(here, other);
  const made = await api.responses.create({ model: 'says', input: 'はい' });
  assert.equal(made.store, false);
  await refused(api.responses.retrieve(made.id), 404, 'response_not_found');
  await assert.rejects(api.responses.create({ model: 'says', input: 'はい', background: true }), /keep\.seconds is 0/);
  await other.stop();
  configure(here, [[/seconds: 0/, 'seconds: 1']]);
  const brief = await serve(here);
  const { id } = await clientOf(here, brief).responses.create({ model: 'says', input: 'はい' });
  for (;;) {
    const gone = await clientOf(here, brief).responses.retrieve(id).then(() => false, (error) => error.status === 404);
    if (gone) break;
    await pause();
  }
  // Stopped with one in the background: its follower is told, and the node ends.
  const events = [];
  for await (const one of await clientOf(here, brief).responses.create({ model: 'endless', input: 'a', background: true, stream: true })) {
    events.push(one);
    if (events.length === 10) brief.child.kill('SIGTERM');
  }
  assert.equal(events.at(-1).type, 'response.failed');
  assert.match(events.at(-1).response.error.message, /stopping/);
  assert.deepEqual(await brief.ended, { code: 0, signal: null });
  here.remove();
});
