// Fail closed: whatever is wrong with a request is refused, by name, in the words of its API. The
// fields come from the node's own /openapi.json, the rest is written here. No case may be answered
// 200, 500 or not at all. SEKISHO_WRITE=1 writes docs/refusals.md.
import test, { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { open, weather } from './world.mjs';
import { fits, wrongs } from './wrong.mjs';

let at, document;
const counts = new Map(); // endpoint → what was wrong → cases

before(async () => {
  at = await open([[/body: \d+/, 'body: 65536']]);
  document = await (await fetch(`${at.root}/openapi.json`)).json();
});
after(async () => {
  for (const [path, kinds] of counts)
    console.log(`${path.padEnd(28)}${[...kinds].map(([kind, n]) => `${kind}: ${n}`).join(', ')}`);
  if (process.env.SEKISHO_WRITE) writeFileSync(new URL('../../docs/refusals.md', import.meta.url), asPage());
  await at.idle();
  const { code, signal, log } = await at.stop();
  assert.deepEqual({ code, signal }, { code: 0, signal: null });
  assert.doesNotMatch(log, / (fell|fail) | status=5/);
});

// What was wrong, and the statuses of it.
const statuses = { fields: '400', 'unknown fields': '400', 'not JSON': '400', 'too large': '413', method: '405', 'media type': '415', coding: '415',
  key: '401', model: '404', path: '404', together: '400' };
function asPage() {
  const kinds = Object.keys(statuses), cell = (path, kind) => counts.get(path).get(kind) ?? '–';
  const total = [...counts.values()].flatMap((row) => [...row.values()]).reduce((sum, n) => sum + n, 0);
  return `# Refusals

Written by the test that sends them to a real node (HACKING.md says how): ${total} requests, each wrong in one place. Every one
is refused with the status below it, in the shape of its API (docs/http-api.md, docs/anthropic.md), and where a field is at
fault with its name. *Fields*: for each field of \`/openapi.json\` every value of a small set that does not fit, what is just over
each limit, and none at all where one is required. *Together*: fields that do not go together.

| endpoint | ${kinds.join(' | ')} |
|---|${kinds.map(() => '---').join('|')}|
| | ${Object.values(statuses).join(' | ')} |
${[...counts.keys()].map((path) => `| \`${path}\` | ${kinds.map((kind) => cell(path, kind)).join(' | ')} |`).join('\n')}
`;
}

// ---- requests that are right ----

const messages = [{ role: 'user', content: 'はい' }];
const good = {
  '/v1/chat/completions': (model) => ({ model: model.plain, messages, max_tokens: 1,
    tools: [{ type: 'function', function: weather }] }),
  '/v1/completions': (model) => ({ model: model.words, prompt: 'はい', max_tokens: 1 }),
  '/v1/responses': (model) => ({ model: model.words, input: [{ type: 'message', role: 'user', content: 'はい' }], max_output_tokens: 16, store: false }),
  '/v1/embeddings': (model) => ({ model: model.encoder, input: ['hello'] }),
  '/v1/rerank': (model) => ({ model: model.encoder, query: 'hello', documents: ['hello', 'world'] }),
  '/v1/attributions': (model) => ({ model: model.words, messages, answer: 'いいえ' }),
  '/v1/messages': (model) => ({ model: model.plain, messages, max_tokens: 1,
    tools: [{ name: weather.name, input_schema: weather.parameters }] }),
  '/v1/messages/count_tokens': (model) => ({ model: model.words, messages }),
};
const anthropic = (path) => path.startsWith('/v1/messages');

async function send(path, body, { method = 'POST', headers = {} } = {}) {
  const response = await fetch(at.root + path, { method, duplex: 'half',
    headers: { authorization: `Bearer ${at.key}`, 'content-type': 'application/json', ...headers },
    body: method === 'GET' || method === 'HEAD' ? undefined : typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body) });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

// The shape of an error as its API writes it; returns { message, type, param, code }.
const types = { 400: 'invalid_request_error', 401: 'authentication_error', 403: 'permission_error', 404: 'not_found_error',
  413: 'request_too_large', 429: 'rate_limit_error' };
function refusal(path, { status, headers, text }, about) {
  const body = JSON.parse(text);
  if (!anthropic(path)) {
    assert.deepEqual(Object.keys(body), ['error'], about);
    assert.deepEqual(Object.keys(body.error), ['message', 'type', 'param', 'code'], about);
    assert.equal(typeof body.error.message, 'string', about);
    assert.equal(typeof body.error.type, 'string', about);
    return body.error;
  }
  assert.deepEqual(Object.keys(body), ['type', 'error', 'request_id'], about);
  assert.equal(body.type, 'error', about);
  assert.deepEqual(Object.keys(body.error), ['type', 'message', 'details'], about);
  assert.deepEqual(Object.keys(body.error.details), ['error_code'], about);
  assert.equal(body.error.type, types[status] ?? 'invalid_request_error', about);
  assert.equal(body.request_id, headers.get('request-id'), about);
  return body.error;
}

async function refused(path, what, body, { want = [400], param, ...how } = {}) {
  const about = `${path}, ${what}: ${body instanceof Uint8Array ? body.toString() : JSON.stringify(body)}`.slice(0, 400);
  const reply = await send(path, body, how);
  assert.ok(want.includes(reply.status), `${about} → ${reply.status} ${reply.text.slice(0, 300)}`);
  const error = refusal(path, reply, about);
  if (param) named(path, param, error, about);
  const row = path.replace('/more', '');
  const kinds = counts.get(row) ?? counts.set(row, new Map()).get(row);
  kinds.set(what, (kinds.get(what) ?? 0) + 1);
  return { ...reply, error };
}

// The refusal names the field, or the first part of its path: an object as a whole may be at fault.
function named(path, param, error, about) {
  const top = /^[^.[]+/.exec(param)[0];
  const said = anthropic(path) ? error.message : error.param ?? '';
  assert.ok(said.includes(top), `${about}: it should name ${param}, and says ${JSON.stringify(error)}`);
}

const inBatches = async (list, run, size = 12) => {
  for (let i = 0; i < list.length; i += size) await Promise.all(list.slice(i, i + size).map(run));
};

// ---- the cases ----

const bodySchema = (path) => document.paths[path].post.requestBody.content['application/json'].schema;

test('every endpoint that takes a body is in this table', () => {
  const posts = Object.keys(document.paths).filter((path) => document.paths[path].post?.requestBody && !path.includes('{'));
  assert.deepEqual(posts.toSorted(), Object.keys(good).toSorted());
});

for (const path of Object.keys(good)) {
  const body = () => good[path](at.model);

  test(`${path}: the request that is right`, async () => {
    const reply = await send(path, body());
    assert.equal(reply.status, 200, reply.text);
    assert.ok(fits(bodySchema(path), body(), document), 'as the document says');
  });

  test(`${path}: every field, every wrong value`, async () => {
    const cases = [...wrongs(bodySchema(path), body(), document)];
    assert.ok(cases.length > 50, `${cases.length} cases`);
    // A thread is not found: 404 is what its clients know how to go on from.
    await inBatches(cases, ([param, wrong]) => refused(path, 'fields', wrong, { param, want: param.startsWith('thread') ? [400, 404] : [400] }));
  });

  test(`${path}: no field is ignored`, async () => {
    for (const name of ['respones_format', 'Model', 'mdoel', 'x', '', 'messages ', '__proto__', 'あ']) {
      const text = JSON.stringify(body()).replace('{', `{${JSON.stringify(name)}: 1, `);
      await refused(path, 'unknown fields', text, { param: name.trim() || undefined });
    }
  });

  test(`${path}: bodies that are not a JSON object`, async () => {
    const text = JSON.stringify(body());
    const cases = ['', ' ', '{', text.slice(0, -1), `${text}x`, `${text}${text}`, '[]', 'null', '"a"', '1', 'NaN', '\ufeff' + text,
      text.replace('{', '{"model":"a",'), text.replace('{', '{/* */'), text.replaceAll('"', "'"), text.replace(/}$/, ',}'),
      text.replace('{', '{"top_k":NaN,'), text.replace('{', '{"top_k":Infinity,'), text.replace('{', '{"top_k":01,'),
      text.replace('{', '{"top_k":+1,'), text.replace('{', '{"top_k":1e999,'), text.replace('{', '{"user":"\\ud800",'),
      text.replace('{', '{"user":"\n",'), text.replace('{', '{"user":"\\x41",'), text.replace('{', '{\u0000"user":"a",'),
      text.replace('{', `{"user":${'['.repeat(4000)}${']'.repeat(4000)},`), text.replace('{', `{"user":${'{"a":'.repeat(4000)}1${'}'.repeat(4000)},`),
      Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from(',"user":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
      Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from(',"user":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
      Buffer.from(text, 'utf16le')];
    await inBatches(cases, (one) => refused(path, 'not JSON', one));
    const { status } = await refused(path, 'too large', { ...body(), user: 'x'.repeat(70000) }, { want: [413] });
    assert.equal(status, 413);
  });

  test(`${path}: method, media type, key, model`, async () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
      const { headers } = await refused(path, 'method', body(), { method, want: [405] });
      assert.match(headers.get('allow'), /POST/);
    }
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonx'])
      await refused(path, 'media type', body(), { headers: { 'content-type': type }, want: [415] });
    await refused(path, 'coding', body(), { headers: { 'content-encoding': 'gzip' }, want: [415] });
    for (const authorization of ['', 'Bearer', 'Bearer sk-wrong', `Basic ${at.key}`, `Bearer ${at.key}x`, `Bearer ${at.key} x`])
      await refused(path, 'key', body(), { headers: { authorization }, want: [401] });
    for (const model of ['gpt-4', 'claude-3', at.model.words.toUpperCase(), '../etc/passwd', 'a'.repeat(256), 'sekisho-keigo\u0000'])
      await refused(path, 'model', { ...body(), model }, { want: model.length > 250 ? [400, 404] : [404] });
    await refused(`${path}/more`, 'path', body(), { want: [404, 405] });
  });
}

test('what the fields say together', async () => {
  const chat = (more, param) => refused('/v1/chat/completions', 'together', { ...good['/v1/chat/completions'](at.model), ...more }, { param });
  await chat({ max_tokens: 1, max_completion_tokens: 2 }, 'max');
  await chat({ stream_options: { include_usage: true } }, 'stream_options');
  await chat({ top_logprobs: 2 }, 'top_logprobs');
  await chat({ tools: undefined, tool_choice: 'required' }, 'tool_choice');
  await chat({ tool_choice: { type: 'function', function: { name: 'nobody' } } }, 'tool_choice');
  await chat({ tools: [0, 1].map(() => ({ type: 'function', function: weather })) }, 'tools');
  await chat({ messages: [{ role: 'tool', content: 'x' }] }, 'messages');
  await chat({ messages: [{ role: 'tool', tool_call_id: 'a', content: 'x' }] }, 'messages');
  await chat({ messages: [{ role: 'assistant', content: null }] }, 'messages');
  await chat({ response_format: { type: 'json_schema' } }, 'response_format');
  await chat({ response_format: { type: 'json_schema', json_schema: { name: 'a', schema: { type: 'nothing' } } } }, 'response_format');
  await chat({ response_format: { type: 'json_schema', json_schema: { name: 'a', strict: true, schema: { type: 'string', pattern: '(?<=a)b' } } } }, 'response_format');
  await chat({ grammar: 'root ::= "a' }, 'grammar');
  await chat({ grammar: 'root ::= "a"', response_format: { type: 'json_object' } }, 'grammar');
  await chat({ logit_bias: { 99999999: 1 } }, 'logit_bias');
  await chat({ messages: [{ role: 'user', content: 'あ'.repeat(4000) }] }, 'messages');
});
