// The same awkward requests to llama.cpp's server and to a node, with the same model: what each
// does with them. For what is wrong, a refusal (4xx, JSON with a message) is right; an answer as if
// nothing had been said, a 5xx and silence are not. Counted beside: refusals in the shape of the
// API, which name the field.
//   LLAMA_SERVER=/path/to/llama-server SEKISHO=build/sekisho node bench/beside.mjs
// Without LLAMA_SERVER only the node is asked, and that is said.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { init, serve } from '../tests/api/node.mjs';

const model = 'sekisho-keigo';
const messages = [{ role: 'user', content: 'はい' }];
const chat = (more) => ({ model, messages, max_tokens: 24, temperature: 0, ...more });
const bySchema = (schema) => chat({ max_tokens: 200, response_format: { type: 'json_schema', json_schema: { name: 'a', strict: true, schema } } });
const tool = { type: 'function', function: { name: 'f', parameters: { type: 'object', properties: { a: { type: 'integer' } } } } };
const text = JSON.stringify(chat());
const c = '/v1/chat/completions', m = '/v1/messages', r = '/v1/responses', nowhere = '/v1/nothing';

// What it is, where it goes, what is sent; holds(reply): whether a 200 is right, and why.
const never = () => false;
const orRefused = (holds) => Object.assign(holds, { orRefused: true }); // both are right
const content = (reply) => reply.choices?.[0]?.message?.content;
const cases = [
  ['Structured output'],
  ['schema: uniqueItems, which nothing here can satisfy', c, bySchema({ type: 'array', items: { enum: [1] }, minItems: 3, maxItems: 3, uniqueItems: true }), never],
  ['schema: not', c, bySchema({ enum: ['a', 'b'], not: { enum: ['a', 'b'] } }), never],
  ['schema: if/then', c, bySchema({ enum: [1], if: { const: 1 }, then: { const: 2 } }), never],
  ['schema: dependentRequired', c, bySchema({ type: 'object', properties: { a: { const: 1 } }, required: ['a'], additionalProperties: false, dependentRequired: { a: ['b'] } }), never],
  ['schema: minimum above maximum', c, bySchema({ type: 'integer', minimum: 5, maximum: 1 }), never],
  ['schema: a string that is a number', c, bySchema({ allOf: [{ type: 'string' }, { type: 'integer' }] }), never],
  ['schema: enum of nothing', c, bySchema({ enum: [] }), never],
  ['schema: unknown type', c, bySchema({ type: 'strnig' }), never],
  ['schema: pattern with look-ahead', c, bySchema({ type: 'string', pattern: '^(?=a)b$' }), never],
  ['schema: pattern without anchors', c, bySchema({ type: 'string', pattern: 'ab', maxLength: 4 }), (reply) => /ab/.test(content(reply))],
  ['schema: additionalProperties of a type', c, bySchema({ type: 'object', properties: { a: { const: 1 } }, required: ['a'], additionalProperties: { type: 'integer' }, maxProperties: 2 }),
    orRefused((reply) => Object.values(JSON.parse(content(reply))).every(Number.isInteger))],
  ['schema: a million repetitions', c, bySchema({ type: 'string', pattern: '^(ab){1000000}$' }), never],
  ['schema: maxLength 1,000,000', c, bySchema({ type: 'string', enum: ['a'], maxLength: 1000000 }), (reply) => content(reply) === '"a"'],
  ['json_schema without a schema', c, chat({ response_format: { type: 'json_schema' } }), never],
  ['response_format of an unknown type', c, chat({ response_format: { type: 'json_shema' } }), never],
  ['response_format as a string', c, chat({ response_format: 'json' }), never],
  ['GBNF that does not parse', c, chat({ grammar: 'root ::= "a' }), never],
  ['GBNF and a schema at once', c, { ...bySchema({ enum: ['a'] }), grammar: 'root ::= "b"' }, never],
  ['Tools'],
  ['tool_choice required, no tools', c, chat({ tool_choice: 'required' }), never],
  ['tool_choice names a tool that is not there', c, chat({ tools: [tool], tool_choice: { type: 'function', function: { name: 'g' } } }), never],
  ['tool_choice is no known word', c, chat({ tools: [tool], tool_choice: 'requird' }), never],
  ['tool_choice by name', c, chat({ tools: [tool], tool_choice: { type: 'function', function: { name: 'f' } }, max_tokens: 200 }),
    ({ choices: [{ message, finish_reason }] }) => message.tool_calls?.[0].function.name === 'f' || finish_reason === 'length'], // or cut by the context
  ['two tools of one name', c, chat({ tools: [tool, tool] }), never],
  ['a tool without a name', c, chat({ tools: [{ type: 'function', function: {} }] }), never],
  ['tools as a string', c, chat({ tools: 'f' }), never],
  ['a result of a call that was not made', c, chat({ messages: [...messages, { role: 'tool', tool_call_id: 'x', content: '1' }] }), never],
  ['Fields'],
  ['n: 3', c, chat({ n: 3, temperature: 1 }), (reply) => reply.choices.length === 3],
  ['n: 0', c, chat({ n: 0 }), never],
  ['logprobs, top_logprobs 2', c, chat({ logprobs: true, top_logprobs: 2, max_tokens: 3 }), (reply) => reply.choices[0].logprobs.content.every((one) =>
    one.top_logprobs.length === 2 && Array.isArray(one.bytes) && one.logprob <= 0)],
  ['completions: logprobs 2', '/v1/completions', { model, prompt: 'はい', logprobs: 2, max_tokens: 3, temperature: 0 },
    (reply) => Array.isArray(reply.choices[0].logprobs.token_logprobs) && reply.choices[0].logprobs.text_offset.length === 3],
  ['temperature as a word', c, chat({ temperature: 'hot' }), never],
  ['temperature 100', c, chat({ temperature: 100 }), never],
  ['max_tokens as text', c, chat({ max_tokens: '5' }), never],
  ['max_tokens -5', c, chat({ max_tokens: -5 }), never],
  ['top_p 5', c, chat({ top_p: 5 }), never],
  ['seed 1.5', c, chat({ seed: 1.5 }), never],
  ['stream as a word', c, chat({ stream: 'yes' }), never],
  ['stop as a number', c, chat({ stop: 5 }), never],
  ['logit_bias of a token that is not there', c, chat({ logit_bias: { 99999999: 5 } }), never],
  ['messages as text', c, chat({ messages: 'hi' }), never],
  ['messages: none', c, chat({ messages: [] }), never],
  ['an unknown role', c, chat({ messages: [{ role: 'king', content: 'x' }] }), never],
  ['content as a number', c, chat({ messages: [{ role: 'user', content: 5 }] }), never],
  ['an image for a model without eyes', c, chat({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }] }] }), never],
  ['a misspelt field (respones_format)', c, chat({ respones_format: { type: 'json_object' } }), never],
  ['a model that is not there', c, chat({ model: 'gpt-4' }), never],
  ['a prompt longer than the context', c, chat({ messages: [{ role: 'user', content: 'あ'.repeat(4000) }] }), never],
  ['Bodies'],
  ['an empty body', c, '', never],
  ['an array', c, '[]', never],
  ['half a body', c, text.slice(0, -9), never],
  ['one name twice', c, text.replace('{', '{"max_tokens":1,'), never],
  ['bytes that are not UTF-8', c, Buffer.concat([Buffer.from('{"messages":[{"role":"user","content":"'), Buffer.from([0xff]), Buffer.from('"}],"max_tokens":1}')]), never],
  ['100,000 brackets', c, text.replace('{', `{"a":${'['.repeat(100000)}${']'.repeat(100000)},`), never],
  ['an unknown path', nowhere, text, never],
  ['/v1/responses'],
  ['a plain one', r, { model, input: 'はい', max_output_tokens: 16 }, (reply) => reply.object === 'response'],
  ['previous_response_id that is not there', r, { model, input: 'はい', previous_response_id: 'resp_0', max_output_tokens: 16 }, never],
  ['background', r, { model, input: 'はい', background: true, max_output_tokens: 16 }, (reply) => ['queued', 'in_progress'].includes(reply.status)],
  ['a schema under text.format', r, { model, input: 'はい', max_output_tokens: 32, text: { format: { type: 'json_schema', name: 'a', strict: true, schema: { enum: ['a'] } } } },
    (reply) => reply.output.at(-1).content[0].text === '"a"'],
  ['/v1/messages'],
  ['a plain one', m, { model, messages, max_tokens: 8 }, (reply) => reply.type === 'message'],
  ['without max_tokens', m, { model, messages }, never],
  ['messages as text', m, { model, messages: 'hi', max_tokens: 8 }, never],
  ['tool_choice any, no tools', m, { model, messages, max_tokens: 8, tool_choice: { type: 'any' } }, never],
  ['count_tokens', '/v1/messages/count_tokens', { model, messages }, (reply) => reply.input_tokens > 0],
  ['Other endpoints'],
  ['embeddings of a model that makes none', '/v1/embeddings', { model, input: 'はい' }, never],
  ['embeddings of nothing', '/v1/embeddings', { model, input: [] }, never],
];

// ---- the two ----

const key = 'sk-beside';
function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
  });
}
async function startPeer(file) {
  const program = process.env.LLAMA_SERVER;
  if (!program || !existsSync(program)) return null;
  const port = await freePort();
  const child = spawn(program, ['-m', file, '--host', '127.0.0.1', '--port', port, '--jinja', '-np', '4', '-c', '2048', '--api-key', key, '--alias', model], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  for (;;) {
    const ready = await fetch(`${url}/health`).then((reply) => reply.ok).catch(() => false);
    if (ready) return { url, key, stop: () => child.kill() };
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function send(peer, path, body) {
  try {
    const response = await fetch(peer.url + path, { method: 'POST', signal: AbortSignal.timeout(20000),
      headers: { authorization: `Bearer ${peer.key}`, 'content-type': 'application/json' },
      body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body) });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    return { status: 0, text: error.name === 'TimeoutError' ? 'no answer in 20 s' : `connection lost: ${error.cause?.code ?? error.message}` };
  }
}

const shaped = (path, body) => (path.startsWith('/v1/messages')
  ? body.type === 'error' && typeof body.error?.type === 'string' && typeof body.error?.message === 'string'
  : typeof body.error?.message === 'string' && typeof body.error?.type === 'string' && 'param' in body.error && 'code' in body.error);

// { right, named, said }: said in words what came.
function judge(path, holds, { status, text: said }) {
  let body;
  try { body = JSON.parse(said); } catch { return { said: `${status} ${JSON.stringify(said.slice(0, 60))}` }; }
  if (status === 200) {
    let right = false;
    try { right = holds(body); } catch { /* not of the shape */ }
    const what = content(body) ?? body.output?.at?.(-1)?.content?.[0]?.text ?? '';
    return { right, said: right ? '200' : `200, as if nothing was wrong${what ? `: ${JSON.stringify(what.slice(0, 30))}` : ''}` };
  }
  const { message, param, code } = body.error ?? {};
  const refuses = status >= 400 && status < 500 && typeof message === 'string' && (holds === never || holds.orRefused);
  return { right: refuses && (code !== 'unknown_url' || path === nowhere), named: refuses && holds === never && shaped(path, body),
    said: `${status} ${param ?? JSON.stringify(String(message ?? said).slice(0, 60))}` };
}

const place = init();
const file = /file: "(.*)"/.exec(readFileSync(place.config, 'utf8'))[1];
const node = await serve(place);
const ours = { url: node.url.replace('/v1', ''), key: place.key };
const peer = await startPeer(file);
if (!peer) console.log('skip: 1 of 2 servers: LLAMA_SERVER names no program; only the node is asked\n');

const rights = [0, 0], names = [0, 0];
let total = 0;
console.log('| request | llama-server | Sekisho |\n|---|---|---|');
for (const [name, path, body, holds] of cases) {
  if (!path) { console.log(`| **${name}** | | |`); continue; }
  total++;
  const cells = [];
  for (const [i, server] of [peer, ours].entries()) {
    if (!server) { cells.push('not asked'); continue; }
    const { right, named, said } = judge(path, holds, await send(server, path, body));
    if (right) rights[i]++;
    if (named) names[i]++;
    cells.push(`${right ? '✓' : '✗'} ${said.replaceAll('|', '\\|').replaceAll('\n', ' ')}`);
  }
  console.log(`| ${name} | ${cells.join(' | ')} |`);
}
const asked = (list) => (peer ? list[0] : 'not asked');
console.log(`\nRESULT right: llama-server ${asked(rights)}, Sekisho ${rights[1]} of ${total}`);
console.log(`RESULT refused in the API's shape: llama-server ${asked(names)}, Sekisho ${names[1]} of ${cases.filter((row) => row[3] === never).length}`);
peer?.stop();
await node.stop();
place.remove();
