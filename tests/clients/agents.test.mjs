// What Claude Code 2.1.330 and Codex 0.169.0 send, member for member (texts are ours): a member
// that the node refused would end them. Seen by running both against a server that writes down.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { cities, open, said, weather } from './world.mjs';

let at;
before(async () => { at = await open(); });
after(async () => { assert.equal((await at.stop()).code, 0); });

const send = async (path, body, headers) => {
  const response = await fetch(at.root + path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return text.startsWith('{') ? JSON.parse(text) : text.split('\n\n').filter((event) => /^data: \{/m.test(event))
    .map((event) => JSON.parse(/^data: (.*)$/m.exec(event)[1]));
};

// ---- Claude Code ----

const claude = () => ({ accept: 'application/json', 'x-api-key': at.key, 'anthropic-version': '2023-06-01', 'x-app': 'cli',
  'anthropic-beta': 'claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,effort-2025-11-24',
  'anthropic-dangerous-direct-browser-access': 'true', 'x-stainless-retry-count': '0', 'x-stainless-timeout': '600' });
const cached = { cache_control: { type: 'ephemeral' } };
const claudeTools = [
  { name: weather.name, description: weather.description, input_schema: { $schema: 'https://json-schema.org/draft/2020-12/schema', ...weather.parameters } },
  { name: 'SendMessage', description: 'A message', input_schema: { type: 'object', additionalProperties: false, required: ['to'],
    properties: { to: { type: 'string', allOf: [{ pattern: '^[^\\n\\r]*$' }, { pattern: '^[\\s\\S]{0,300}$' }] }, url: { type: 'string', format: 'uri' },
      run: { type: 'string', pattern: '^wf_[a-z0-9-]{6,}$' }, script: { type: 'string', maxLength: 524288 },
      limit: { type: 'integer', minimum: -9007199254740991, maximum: 9007199254740991, default: 5 }, seconds: { type: 'number', exclusiveMinimum: 0 },
      protocols: { type: 'array', maxItems: 256, items: { type: 'string', minLength: 1, pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" } } } } },
  { name: 'Later', description: 'Deferred', input_schema: { type: 'object', properties: {} }, defer_loading: true },
];
const claudeBody = (messages, more = {}) => ({
  model: at.model.caller, messages, tools: claudeTools, metadata: { user_id: '{"device_id":"d","account_uuid":"","session_id":"s"}' },
  system: [{ type: 'text', text: 'x-anthropic-billing-header: none' }, { type: 'text', text: 'You are an agent.', ...cached }],
  max_tokens: 32000, thinking: { type: 'adaptive', display: 'omitted' },
  context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] }, output_config: { effort: 'high' }, stream: true, ...more });

test('Claude Code: it asks, calls a tool, and answers', async () => {
  const hello = await fetch(`${at.root}/api/hello`, { method: 'HEAD' });
  assert.ok(hello.status < 500);
  const turns = [{ role: 'user', content: [{ type: 'text', text: '<system-reminder>' }, { type: 'text', text: '京都は何度ですか。' }] },
    { role: 'system', content: [{ type: 'text', text: '# Environment', ...cached }] }];
  const first = await send('/v1/messages?beta=true', claudeBody(turns), claude());
  const use = first.find((event) => event.content_block?.type === 'tool_use').content_block;
  const input = JSON.parse(first.map((event) => event.delta?.partial_json ?? '').join(''));
  assert.deepEqual([use.name, input], [weather.name, { city: cities[0] }]);
  assert.equal(first.find((event) => event.type === 'message_delta').delta.stop_reason, 'tool_use');
  const then = [turns[0], { role: 'system', content: '# Environment' }, { role: 'assistant', content: [{ ...use, input }] },
    { role: 'user', content: [{ tool_use_id: use.id, type: 'tool_result', content: '22度', is_error: false, ...cached }] }];
  const second = await send('/v1/messages?beta=true', claudeBody(then), claude());
  assert.equal(second.map((event) => event.delta?.text ?? '').join(''), said);
});

test('Claude Code: it counts tokens', async () => {
  const messages = [{ role: 'user', content: 'foo' }];
  const path = '/v1/messages/count_tokens?beta=true', model = at.model.caller;
  const plain = await send(path, { model, messages }, claude());
  const tools = await send(path, { model, messages, tools: claudeTools }, claude());
  assert.ok(tools.input_tokens > plain.input_tokens);
});

// ---- Codex ----

const codexTool = { type: 'function', name: weather.name, description: weather.description, strict: false, parameters: weather.parameters };
const codexBody = (input) => ({
  model: at.model.caller, stream: true, input, tools: [codexTool], tool_choice: 'auto', parallel_tool_calls: true, reasoning: { summary: 'auto' },
  store: false, include: ['reasoning.encrypted_content'], prompt_cache_key: '01a2028f-9abc-7b52-9a1b-c4e22f27a06a',
  client_metadata: { thread_id: '01a2028f', 'x-codex-turn-metadata': '{"agent_name":"/root"}' } });
const codexMessage = (role, ...texts) => ({ type: 'message', id: `msg_${role}_${texts.length}`, role, content: texts.map((text) => ({ type: 'input_text', text })) });
const codex = () => ({ accept: 'text/event-stream', authorization: `Bearer ${at.key}`, originator: 'codex_exec', 'session-id': '01a2028f', 'x-client-request-id': '01a2028f' });

test('Codex: it asks, calls a tool, and answers', async () => {
  const input = [codexMessage('developer', 'You are a coding agent.'), codexMessage('developer', '<skills>', '<permissions>'),
    codexMessage('user', '<environment_context>'), codexMessage('user', '京都は何度ですか。')];
  const first = await send('/v1/responses', codexBody(input), codex());
  const { item } = first.find((event) => event.type === 'response.output_item.done');
  assert.deepEqual([item.type, item.name, JSON.parse(item.arguments)], ['function_call', weather.name, { city: cities[0] }]);
  const { response } = first.at(-1);
  assert.equal(response.status, 'completed');
  assert.ok(response.usage.total_tokens > 0 && response.usage.input_tokens_details.cached_tokens >= 0);
  const then = [...input, { ...item, status: 'completed' }, { type: 'function_call_output', id: 'fco_01a2028f', call_id: item.call_id, output: '22度' }];
  const second = await send('/v1/responses', codexBody(then), codex());
  assert.equal(second.findLast((event) => event.type === 'response.output_item.done').item.content[0].text, said);
});
