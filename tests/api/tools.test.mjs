// Tools through a real node: models that write calls in their own dialect, each as a script cut into
// chance tokens; whole and streamed, one call and two, forced, named, refused, in Japanese.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configure, init, serve } from './node.mjs';
import { pieces, scripted } from './scripted.mjs';

const template = (name) => readFileSync(new URL(`../templates/${name}.jinja`, import.meta.url), 'utf8');
const json = (value) => JSON.stringify(value);
const pairs = (open, between, close) => (args) => Object.entries(args)
  .map(([key, value]) => `${open}${key}${between}${typeof value === 'string' ? value : json(value)}${close}`).join('');
const hermes = ({ name, args }) => `<tool_call>\n{"name": "${name}", "arguments": ${json(args)}}\n</tool_call>`;
const each = (form, between = '\n') => (calls) => calls.map(form).join(between);

// Each dialect's calls as its models write them.
const dialects = {
  'qwen-2.5-tools': each(hermes),
  'qwen-3-thinking': each(hermes),
  'gemma-3': each(hermes), // knows no tools: the generic dialect
  'qwen-3-coder': each(({ name, args }) =>
    `<tool_call>\n<function=${name}>\n${pairs('<parameter=', '>\n', '\n</parameter>\n')(args)}</function>\n</tool_call>`),
  'glm-like': each(({ name, args }) =>
    `<tool_call>${name}\n${pairs('<arg_key>', '</arg_key>\n<arg_value>', '</arg_value>\n')(args)}</tool_call>`),
  'mistral-v3-tools': (calls) =>
    `[TOOL_CALLS] [${calls.map(({ name, args }, i) => `{"name": "${name}", "arguments": ${json(args)}, "id": "abcdefg0${i}"}`).join(', ')}]`,
  'llama-3.1-tools': each(({ name, args }) => `<|python_tag|>{"name": "${name}", "parameters": ${json(args)}}`),
};

const tool = (name, properties, required) =>
  ({ type: 'function', function: { name, description: `${name} する`, parameters: { type: 'object', properties, required } } });
const tools = [
  tool('get_weather', { place: { type: 'string' }, days: { type: 'integer' }, more: { type: 'object', properties: { deep: { type: 'array', items: { type: 'boolean' } } } } }, ['place']),
  tool('add', { a: { type: 'number' }, b: { type: 'number' } }, ['a', 'b']),
];
const weather = { name: 'get_weather', args: { place: '京都 "東山"\\n{}', days: 3, more: { deep: [true, false] } } };
const add = { name: 'add', args: { a: 1, b: -2.5 } };

// A message from the deltas of a stream.
async function joined(response) {
  const message = { role: 'assistant', content: null, tool_calls: [] };
  let finish;
  for (const line of (await response.text()).split('\n')) {
    if (!line.startsWith('data: {')) continue;
    const { choices: [choice] } = JSON.parse(line.slice(6));
    if (!choice) continue;
    finish = choice.finish_reason ?? finish;
    if (choice.delta.content) message.content = (message.content ?? '') + choice.delta.content;
    for (const { index, id, function: f } of choice.delta.tool_calls ?? []) {
      const call = message.tool_calls[index] ??= { id, name: f.name, arguments: '' };
      call.arguments += f.arguments ?? '';
    }
  }
  return { message, finish };
}

async function whole(response) {
  const { choices: [choice] } = await response.json();
  const calls = (choice.message.tool_calls ?? []).map(({ id, function: f }) => ({ id, ...f }));
  return { message: { ...choice.message, tool_calls: calls }, finish: choice.finish_reason };
}

for (const [name, write] of Object.entries(dialects)) {
  test(`tools with ${name}`, async () => {
    const said = [`見ます。\n${write([weather])}`, write([weather, add]), write([{ name: 'rm', args: {} }]), 'just text <tool'];
    const cuts = [0, 1, 2, 3].flatMap((seed) => said.map((text) => pieces(text, 1 + seed * 3, seed + 1)));
    const model = scripted({ template: template(name), scripts: cuts });
    const place = init(['--keyless']);
    configure(place, [[/models:\n( .*\n)+/, `models:\n  - {id: "m", file: "${model.write(join(place.directory, 'm.gguf'))}", parallel: 2}\n`]]);
    const node = await serve(place);
    const ask = async (script, extra = {}) => {
      const response = await fetch(`${node.url}/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' },
        body: json({ model: 'm', messages: [{ role: 'user', content: '天気は？' }], tools, temperature: 0, max_tokens: 600, logit_bias: { [model.first[script]]: 100 }, ...extra }) });
      assert.equal(response.status, 200, await (response.status === 200 ? '' : response.text()));
      return extra.stream ? joined(response) : whole(response);
    };
    const assertCalls = ({ message, finish }, calls) => {
      assert.equal(finish, 'tool_calls');
      assert.deepEqual(message.tool_calls.map(({ name: called, arguments: text }) => ({ name: called, args: JSON.parse(text) })), calls);
      assert.ok(message.tool_calls.every(({ id }) => /^call_/.test(id)));
    };
    const one = name === 'llama-3.1-tools'; // a template that takes one call in a message
    for (let script = 0; script < cuts.length; script += said.length)
      for (const stream of [false, true]) {
        const single = await ask(script, { stream });
        assert.equal(single.message.content, '見ます。');
        assertCalls(single, [weather]);
        if (!one) assertCalls(await ask(script + 1, { stream }), [weather, add]);
        assertCalls(await ask(script + 1, { stream, parallel_tool_calls: false }), [weather]);
        if (!one) assertCalls(await ask(script + 1, { stream, tool_choice: 'required' }), [weather, add]);
        // What is not offered is not called: the mark binds the model to what is.
        const other = await ask(script + 2, { stream });
        assert.ok(other.message.tool_calls.every((call) => tools.some((offered) => offered.function.name === call.name)));
        const text = await ask(script + 3, { stream });
        assert.equal(text.message.content, 'just text <tool');
        assert.deepEqual([text.finish, text.message.tool_calls], ['stop', []]);
        const none = await ask(script + 1, { stream, tool_choice: 'none' });
        assert.deepEqual([none.message.content, none.message.tool_calls], [said[1], []]);
      }
    // The way back: calls and results of the client are a prompt that the template takes.
    const { message } = await ask(0, {});
    const called = message.tool_calls.map(({ id, name: function_, arguments: text }) => ({ id, type: 'function', function: { name: function_, arguments: text } }));
    const back = await ask(3, { messages: [{ role: 'user', content: '天気は？' }, { role: 'assistant', content: null, tool_calls: called },
      ...called.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: '晴れ' }))] });
    assert.equal(back.message.content, 'just text <tool');
    assert.equal((await node.stop()).code, 0);
    place.remove();
  });
}
