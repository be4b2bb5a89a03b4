// Answers in parts: thoughts, text and calls of a real node travel, are committed to, verify from
// what the client saw and replay.
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configure, init, sekisho, serve, verify } from './node.mjs';
import { pieces, scripted } from './scripted.mjs';

const calling = `{%- if tools %}<|im_start|>system
You may call functions within <tools></tools>:
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
For each call answer <tool_call>
{"name": <name>, "arguments": <arguments>}
</tool_call><|im_end|>
{% endif %}
{%- for m in messages %}<|im_start|>{{ m.role }}
{{ m.content or '' }}
{%- for call in m.tool_calls or [] %}
<tool_call>
{{ {'name': call.function.name, 'arguments': call.function.arguments} | tojson }}
</tool_call>
{%- endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}`;
const thinking = `{%- for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and not enable_thinking %}<think>

</think>

{% endif %}
{%- endif %}`;
const call = (city) => `<tool_call>\n{"name": "weather", "arguments": {"city": "${city}"}}\n</tool_call>`;
const text = '調べます。', thought = '雨かな。';
const tools = [{ type: 'function', function: { name: 'weather', parameters: {
  type: 'object', additionalProperties: false, required: ['city'], properties: { city: { type: 'string' } } } } }];
const special = ['<|im_start|>', '<|im_end|>'];

let place, node;
before(async () => {
  place = init(['--keyless']);
  const write = (name, template, said) =>
    scripted({ template, scripts: [pieces(said, 3)], special }).write(join(place.directory, `${name}.gguf`));
  const models = [['calls', write('calls', calling, `${text}${call('京都')}\n${call('東京')}`)],
    ['thinks', write('thinks', thinking, `<think>\n${thought}\n</think>\n\n${text}`)]];
  configure(place, [[/models:\n( .*\n)+/, `models:\n${models.map(([id, file]) => `  - {id: "${id}", file: "${file}"}\n`).join('')}`]]);
  node = await serve(place);
});
after(async () => {
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
  place.remove();
});

async function ask(body) {
  const response = await fetch(`${node.url}/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const answer = await response.text();
  assert.equal(response.status, 200, answer);
  return answer;
}

// Verifies and replays an answer as it came, whole or as events.
function prove(answer, body) {
  const files = ['answer', 'body'].map((name) => join(place.directory, name));
  writeFileSync(files[0], answer);
  writeFileSync(files[1], JSON.stringify(body));
  const checked = execFileSync(sekisho, ['verify', files[0], '--key', place.vkey, '--request', files[1]], { encoding: 'utf8' });
  assert.match(checked, /proven +the answer is the one committed to/);
  const replayed = JSON.parse(execFileSync(sekisho, ['replay', files[0], '--prompt', files[1], '--config', place.config, '--json'], { encoding: 'utf8' }));
  assert.deepEqual([replayed.result, replayed.shown, replayed.answer], ['same', 'proven', 'proven']);
}

const events = (answer) => answer.split('\n\n').filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)));

test('text and two calls', async () => {
  const body = { model: 'calls', messages: [{ role: 'user', content: '天気は？' }], tools, temperature: 0, logprobs: true };
  const answer = await ask(body), parsed = JSON.parse(answer);
  const [{ message, finish_reason, logprobs }] = parsed.choices;
  assert.equal(finish_reason, 'tool_calls');
  assert.equal(message.content, text);
  assert.deepEqual(message.tool_calls.map((row) => [row.function.name, JSON.parse(row.function.arguments)]),
    [['weather', { city: '京都' }], ['weather', { city: '東京' }]]);
  assert.equal(logprobs.content.length, parsed.usage.completion_tokens, 'also of tokens that brought no part');
  prove(answer, body);
  const other = structuredClone(parsed);
  other.choices[0].message.tool_calls[1].function.arguments = '{"city": "大阪"}';
  assert.equal(verify(place, other).status, 3);
  const streaming = { ...body, stream: true }, streamed = await ask(streaming);
  const deltas = events(streamed).map((event) => event.choices[0]?.delta ?? {});
  const parts = message.tool_calls.map((_, i) => deltas.flatMap((delta) => delta.tool_calls ?? [])
    .filter((row) => row.index === i).map((row) => row.function.arguments ?? '').join(''));
  assert.deepEqual(parts, message.tool_calls.map((row) => row.function.arguments));
  prove(streamed, streaming);
});

test('a thought before the text, counted', async () => {
  const body = { model: 'thinks', messages: [{ role: 'user', content: 'はい' }], temperature: 0 };
  const answer = await ask(body), { choices: [{ message }], usage } = JSON.parse(answer);
  assert.equal(message.reasoning_content.trim(), thought);
  assert.equal(message.content, text);
  const { reasoning_tokens } = usage.completion_tokens_details;
  assert.ok(reasoning_tokens >= 2 && reasoning_tokens < usage.completion_tokens, String(reasoning_tokens));
  prove(answer, body);
  const streaming = { ...body, stream: true };
  prove(await ask(streaming), streaming);
});
