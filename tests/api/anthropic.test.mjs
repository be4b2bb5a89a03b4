// Anthropic's Messages API of a real node, as bytes: tests/clients asks it by their SDK.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { configure, init, serve, verify } from './node.mjs';
import { pieces, scripted } from './scripted.mjs';

const template = `{% for m in messages %}<|im_start|>{{ m.role }}
{% if m.reasoning_content %}<think>
{{ m.reasoning_content }}
</think>
{% endif %}{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% if not enable_thinking %}<think>

</think>

{% endif %}{% endif %}`;
const thought = '客は天気を尋ねている。', said = 'It is 22 degrees in 京都.';
const scripts = {
  thinker: [['<think>', '\n', ...pieces(thought), '\n', '</think>', '\n\n', ...pieces(said)], pieces(said)],
  endless: [['はい', { again: 0 }]],
};
const messages = [{ role: 'user', content: 'weather?' }];
const thinking = { type: 'adaptive', display: 'omitted' };
let place, node, root;

before(async () => {
  place = init(['--keyless']);
  const rows = Object.entries(scripts).map(([id, list]) => {
    const model = scripted({ template, scripts: list, special: ['<|im_start|>'], eos: '<|im_end|>', context: 512, name: id });
    return `  - {id: "${id}", file: "${model.write(join(place.directory, `${id}.gguf`))}"}\n`;
  });
  configure(place, [[/models:\n( .*\n)+/, `models:\n${rows.join('')}`]]);
  node = await serve(place);
  root = node.url.replace('/v1', '');
});
after(async () => {
  assert.equal((await node.stop()).code, 0);
  place.remove();
});

const send = (path, body) => fetch(`${root}${path}`, {
  method: 'POST', headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'anthropic-beta': 'a,b' },
  body: JSON.stringify({ model: 'thinker', messages, ...body }),
});
async function ask(body, path = '/v1/messages') {
  const response = await send(path, path === '/v1/messages' ? { max_tokens: 64, temperature: 0, ...body } : body);
  assert.equal(response.status, 200, await response.clone().text());
  return response.json();
}
const count = async (body) => (await ask(body, '/v1/messages/count_tokens?beta=true')).input_tokens;

test('a stream: each event by its name, the receipt in the last but one', async () => {
  const response = await send('/v1/messages?beta=true', { max_tokens: 64, stream: true, thinking: { type: 'adaptive' } });
  assert.match(response.headers.get('content-type'), /^text\/event-stream/);
  assert.match(response.headers.get('request-id'), /^req_/);
  const events = (await response.text()).split('\n\n').slice(0, -1).map((event) => {
    const [, name, data] = event.match(/^event: (\w+)\ndata: (.*)$/);
    assert.equal(JSON.parse(data).type, name);
    return JSON.parse(data);
  });
  const deltas = (index, member) => events.filter(({ type, index: at }) => type === 'content_block_delta' && at === index)
    .map(({ delta }) => delta[member] ?? '').join('');
  assert.deepEqual(events.map(({ type }) => type).filter((type, i, all) => type !== all[i - 1]), ['message_start', 'ping',
    'content_block_start', 'content_block_delta', 'content_block_stop',
    'content_block_start', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop']);
  assert.equal(deltas(0, 'thinking'), thought);
  assert.equal(deltas(0, 'signature'), 'sekisho');
  assert.equal(deltas(1, 'text'), said);
  const { delta, usage, sekisho } = events.at(-2);
  assert.deepEqual(delta, { stop_reason: 'end_turn', stop_sequence: null });
  assert.equal(usage.input_tokens + usage.cache_read_input_tokens, await count({ thinking: { type: 'adaptive' } }));
  assert.ok(usage.output_tokens > usage.output_tokens_details.thinking_tokens);
  assert.equal(verify(place, sekisho.receipt).status, 0);
});

test('thoughts are asked for; omitted ones come back in their signature', async () => {
  assert.deepEqual((await ask({ thinking: { type: 'disabled' } })).content.map(({ type }) => type).at(-1), 'text');
  const shown = (await ask({ thinking: { type: 'adaptive' } })).content;
  const omitted = (await ask({ thinking })).content;
  assert.deepEqual(shown[0], { type: 'thinking', thinking: thought, signature: 'sekisho' });
  assert.deepEqual(omitted, [{ type: 'thinking', thinking: '', signature: `sekisho:${thought}` }, shown[1]]);
  const turns = (content) => ({ messages: [...messages, { role: 'assistant', content }, ...messages] });
  assert.equal(await count(turns(omitted)), await count(turns(shown)));
  assert.ok(await count(turns(shown)) > await count(turns(shown.slice(1))));
});

test('a bound beyond the context; a prompt beyond it', async () => {
  const message = await ask({ model: 'endless', max_tokens: 32000 });
  assert.equal(message.stop_reason, 'model_context_window_exceeded');
  assert.equal((await ask({ model: 'endless', max_tokens: 5 })).stop_reason, 'max_tokens');
  const response = await send('/v1/messages', { max_tokens: 1, messages: [{ role: 'user', content: 'a'.repeat(2000) }] });
  assert.equal(response.status, 400);
  const { error } = await response.json();
  assert.match(error.message, /^prompt is too long: \d+ tokens > 512$/);
});

test('models, in two forms', async () => {
  const headers = { 'anthropic-version': '2023-06-01' };
  const list = await (await fetch(`${root}/v1/models`, { headers })).json();
  assert.deepEqual(list.data.map(({ type, id }) => [type, id]), [['model', 'thinker'], ['model', 'endless']]);
  assert.deepEqual([list.has_more, list.first_id, list.last_id], [false, 'thinker', 'endless']);
  assert.ok(!Number.isNaN(Date.parse(list.data[0].created_at)));
  assert.deepEqual(await (await fetch(`${root}/v1/models/endless`, { headers })).json(), list.data[1]);
  assert.equal((await (await fetch(`${root}/v1/models`)).json()).object, 'list');
});

test('errors: on their paths in their form, whatever the header', async () => {
  const rows = [
    [await fetch(`${root}/v1/messages`), 405, 'invalid_request_error', 'method_not_allowed'],
    [await fetch(`${root}/v1/x`, { headers: { 'anthropic-version': '2023-06-01' } }), 404, 'not_found_error', 'unknown_url'],
    [await send('/v1/messages', { max_tokens: 1, model: 'x' }), 404, 'not_found_error', 'model_not_found'],
    [await send('/v1/messages', {}), 400, 'invalid_request_error', 'missing_required_parameter'],
    [await send('/v1/messages', { max_tokens: 1, thread: { type: 'continue', previous_message_id: 'msg_1' } }),
      404, 'not_found_error', 'thread_not_found'],
    [await fetch(`${root}/v1/messages`, { method: 'POST', body: '{}', headers: { 'content-type': 'text/plain' } }),
      415, 'invalid_request_error', 'unsupported_media_type'],
  ];
  for (const [response, status, type, code] of rows) {
    assert.equal(response.status, status);
    const error = await response.json();
    assert.equal(error.type, 'error');
    assert.equal(error.error.type, type);
    assert.equal(error.error.details.error_code, code);
    assert.equal(error.request_id, response.headers.get('request-id'));
  }
  assert.equal((await fetch(`${root}/api/hello`, { method: 'HEAD' })).status, 404, 'Claude Code looks first');
});
