// A mock of other people's model servers: OpenAI's protocol or Anthropic's, over TLS with
// certificates made here, answers from a script, faults on demand.
//
//   const card = certificate(directory, 'abroad');              // { key, cert, pin, certPath }
//   const there = await upstream({ kind: 'openai', card });     // card: null is plain HTTP
//   there.url, there.port, there.pin                            // for a place of the policy
//   there.answer = (request) => ({ text: 'a' });                // what it says to each request
//   there.requests.at(-1).text, .json, .headers, .aborted       // what it was sent
//   there.present(otherCard);                                   // another certificate from now on
//   await there.stop();
//
// An answer, all members optional; without `answer` it echoes the last message's text:
//   text, reasoning, refusal     strings, streamed in pieces of `piece` characters (3)
//   calls                        [{ name, arguments }], arguments as JSON text or a value
//   finish                       'stop' | 'length' | 'content_filter' …, in OpenAI's words
//   usage                        { prompt, cached, completion, reasoning } or null: none is told
//   chunk                        bytes of each write; a number, or a function that gives the next
//   delay                        ms before each event
//   status, body, retryAfter     instead of an answer: an error, e.g. 429
//   hang                         after so many events (0: before the head) nothing more comes
//   cut                          after so many events the connection is reset
//   garbage                      after so many events bytes that are no protocol's
//   broken                       after so many events an error inside the stream
//   raw                          these bytes, whatever was asked
//
// With `forward: 'http://127.0.0.1:8844'` it is the TLS in front of a real server: what it was sent
// is in `requests` all the same.
// As a program, for another network namespace: node upstream.mjs '{"host":…,"port":…,"cert":PATH,
// "key":PATH,"kind":…,"log":PATH,"forward":…,"answer":{…}}' prints "listening"; each request is a
// line of JSON in the log.
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { join } from 'node:path';

// ---- certificates ----

export const pinOf = (cert) =>
  createHash('sha256').update(new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' })).digest('base64');

// A key and its certificate for `hosts` (names and addresses), signed by `ca` (another card) or by
// itself. `keep`: the key of that card again, so that the pin stays.
export function certificate(directory, name, { hosts = ['localhost', '127.0.0.1'], days = 30, ca = null, keep = null } = {}) {
  const path = (end) => join(directory, `${name}.${end}`);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const alternatives = hosts.map((host) => `${isIP(host) ? 'IP' : 'DNS'}:${host}`).join(',');
  if (keep) writeFileSync(path('key'), keep.key, { mode: 0o600 });
  else openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', path('key'));
  openssl('req', '-new', '-key', path('key'), '-subj', `/CN=${name}`, '-out', path('csr'));
  writeFileSync(path('ext'), `subjectAltName=${alternatives}\nbasicConstraints=critical,CA:${ca ? 'FALSE' : 'TRUE'}\n`);
  const signer = ca ? ['-CA', ca.certPath, '-CAkey', ca.keyPath, '-CAcreateserial'] : ['-signkey', path('key')];
  openssl('x509', '-req', '-in', path('csr'), '-days', String(days), '-extfile', path('ext'), '-out', path('crt'), ...signer);
  const cert = readFileSync(path('crt'), 'utf8');
  return { key: readFileSync(path('key'), 'utf8'), cert, pin: pinOf(cert), keyPath: path('key'), certPath: path('crt') };
}

// ---- what is said ----

// Pieces of so many characters, none split.
function pieces(text, size) {
  const characters = Array.from(text ?? '');
  const out = [];
  for (let at = 0; at < characters.length; at += size) out.push(characters.slice(at, at + size).join(''));
  return out;
}

const textOf = (content) =>
  typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? part.content ?? '').join('');
export const lastText = (json) => (json.messages ? textOf(json.messages.at(-1).content) : json.prompt ?? '');

const argumentsText = (call) => (typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments ?? {}));
const usageOf = (answer) => ({ prompt: 10, cached: 0, completion: 5, reasoning: 0, ...answer.usage });

function openaiUsage(answer) {
  const { prompt, cached, completion, reasoning } = usageOf(answer);
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached }, completion_tokens_details: { reasoning_tokens: reasoning } };
}

// The events of a stream, as texts.
function* openaiEvents(answer, json) {
  const head = { id: 'chatcmpl-mock', object: 'chat.completion.chunk', created: 1, model: json.model };
  const event = (value) => `data: ${JSON.stringify(value)}\n\n`;
  const chat = json.messages !== undefined;
  const weigh = (text) => (json.logprobs === undefined || json.logprobs === false ? {} : chat
    ? { logprobs: { content: [{ token: text, logprob: -0.5, bytes: [...Buffer.from(text)], top_logprobs: [] }] } }
    : { logprobs: { tokens: [text], token_logprobs: [-0.5], top_logprobs: [{}], text_offset: [0] } });
  const chunk = (delta, rest = {}) => event({ ...head, choices: [{ index: 0, delta, finish_reason: null, ...rest }] });
  const size = answer.piece ?? 3;
  if (chat) {
    yield chunk({ role: 'assistant', content: '' });
    for (const text of pieces(answer.reasoning, size)) yield chunk({ reasoning_content: text });
    for (const text of pieces(answer.text, size)) yield chunk({ content: text }, weigh(text));
    for (const text of pieces(answer.refusal, size)) yield chunk({ refusal: text });
    for (const [index, call] of (answer.calls ?? []).entries()) {
      yield chunk({ tool_calls: [{ index, id: `call_${index}`, type: 'function', function: { name: call.name, arguments: '' } }] });
      for (const text of pieces(argumentsText(call), size)) yield chunk({ tool_calls: [{ index, function: { arguments: text } }] });
    }
  } else {
    for (const text of pieces(answer.text, size)) yield event({ ...head, choices: [{ index: 0, text, finish_reason: null, ...weigh(text) }] });
  }
  const finish = answer.finish ?? (answer.calls?.length ? 'tool_calls' : 'stop');
  yield chat ? chunk({}, { finish_reason: finish }) : event({ ...head, choices: [{ index: 0, text: '', finish_reason: finish }] });
  if (answer.usage !== null) yield event({ ...head, choices: [], usage: openaiUsage(answer) });
  yield 'data: [DONE]\n\n';
}

function openaiWhole(answer, json) {
  const finish = answer.finish ?? (answer.calls?.length ? 'tool_calls' : 'stop');
  const message = { role: 'assistant', content: answer.text ?? null, reasoning_content: answer.reasoning, refusal: answer.refusal,
    tool_calls: answer.calls?.map((call, i) => ({ id: `call_${i}`, type: 'function', function: { name: call.name, arguments: argumentsText(call) } })) };
  const choice = json.messages ? { index: 0, message, finish_reason: finish } : { index: 0, text: answer.text ?? '', finish_reason: finish };
  return { id: 'chatcmpl-mock', object: 'chat.completion', created: 1, model: json.model, choices: [choice], usage: openaiUsage(answer) };
}

const stopReasons = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use', content_filter: 'refusal' };

function* anthropicEvents(answer, json) {
  const { prompt, cached, completion } = usageOf(answer);
  const event = (type, rest = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;
  const size = answer.piece ?? 3;
  let index = 0;
  function* block(start, deltas) {
    yield event('content_block_start', { index, content_block: start });
    for (const delta of deltas) yield event('content_block_delta', { index, delta });
    yield event('content_block_stop', { index });
    index++;
  }
  yield event('message_start', { message: { id: 'msg_mock', type: 'message', role: 'assistant', model: json.model, content: [],
    stop_reason: null, usage: { input_tokens: prompt - cached, cache_read_input_tokens: cached, output_tokens: 1 } } });
  yield event('ping');
  if (answer.reasoning) {
    yield* block({ type: 'thinking', thinking: '' }, [...pieces(answer.reasoning, size).map((thinking) => ({ type: 'thinking_delta', thinking })),
      { type: 'signature_delta', signature: 'mock' }]);
  }
  const said = answer.text ?? answer.refusal;
  if (said) yield* block({ type: 'text', text: '' }, pieces(said, size).map((text) => ({ type: 'text_delta', text })));
  for (const [i, call] of (answer.calls ?? []).entries()) {
    yield* block({ type: 'tool_use', id: `toolu_${i}`, name: call.name, input: {} },
      pieces(argumentsText(call), size).map((partial_json) => ({ type: 'input_json_delta', partial_json })));
  }
  const finish = answer.finish ?? (answer.refusal ? 'content_filter' : answer.calls?.length ? 'tool_calls' : 'stop');
  yield event('message_delta', { delta: { stop_reason: stopReasons[finish] ?? finish, stop_sequence: null }, usage: { output_tokens: completion } });
  yield event('message_stop');
}

function anthropicWhole(answer, json) {
  const { prompt, cached, completion } = usageOf(answer);
  const content = [];
  if (answer.reasoning) content.push({ type: 'thinking', thinking: answer.reasoning, signature: 'mock' });
  if (answer.text) content.push({ type: 'text', text: answer.text });
  for (const [i, call] of (answer.calls ?? []).entries()) {
    content.push({ type: 'tool_use', id: `toolu_${i}`, name: call.name, input: JSON.parse(argumentsText(call)) });
  }
  const finish = answer.finish ?? (answer.calls?.length ? 'tool_calls' : 'stop');
  return { id: 'msg_mock', type: 'message', role: 'assistant', model: json.model, content, stop_reason: stopReasons[finish] ?? finish,
    stop_sequence: null, usage: { input_tokens: prompt - cached, cache_read_input_tokens: cached, output_tokens: completion } };
}

// What is no text: vectors of four numbers that are the text's digest, scores by the text's length.
function result(path, json) {
  const usage = { prompt_tokens: 7, total_tokens: 7 };
  if (path.endsWith('/embeddings')) {
    const vector = (text) => Float32Array.from(createHash('sha256').update(text).digest().subarray(0, 4), (byte) => byte - 127.5);
    const told = (values) => (json.encoding_format === 'base64' ? Buffer.from(values.buffer).toString('base64') : Array.from(values));
    return { object: 'list', model: json.model, data: [json.input].flat().map((text, index) => ({ object: 'embedding', index, embedding: told(vector(text)) })), usage };
  }
  if (path.endsWith('/rerank')) {
    const results = json.documents.map((text, index) => ({ index, relevance_score: 1 / (1 + text.length) }));
    return { model: json.model, results: results.sort((a, b) => b.relevance_score - a.relevance_score), usage };
  }
  return path.endsWith('/count_tokens') ? { input_tokens: 7 } : null;
}

// ---- the server ----

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const never = () => new Promise(() => {});

async function write(response, text, answer) {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length && !response.destroyed;) {
    const size = (typeof answer.chunk === 'function' ? answer.chunk() : answer.chunk) ?? bytes.length;
    response.write(bytes.subarray(at, at + size));
    at += size;
    if (answer.chunk) await new Promise(setImmediate); // a record of TLS of its own
  }
}

async function respond(kind, request, response, answer) {
  const broken = { error: { type: 'overloaded_error', message: 'The mock is overloaded.' } };
  const whole = (status, value, headers = {}) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof value === 'string' ? value : JSON.stringify(value));
  };
  if (answer.hang === 0) await never();
  if (answer.cut === 0) return response.socket.destroy();
  if (answer.status) {
    return whole(answer.status, answer.body ?? broken, answer.retryAfter === undefined ? {} : { 'retry-after': String(answer.retryAfter) });
  }
  if (answer.raw !== undefined) return whole(200, answer.raw);
  const found = result(request.path, request.json);
  if (found) return whole(200, found);
  if (!request.json.stream) return whole(200, kind === 'anthropic' ? anthropicWhole(answer, request.json) : openaiWhole(answer, request.json));
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const events = kind === 'anthropic' ? anthropicEvents(answer, request.json) : openaiEvents(answer, request.json);
  let told = 0;
  for (const event of events) {
    if (answer.garbage === told) return response.end('data: {"choices":[{"delta":\n\n\0\xff<html>');
    if (answer.broken === told) return response.end(`event: error\ndata: ${JSON.stringify({ type: 'error', ...broken })}\n\n`);
    if (answer.hang === told) await never();
    if (answer.cut === told) return response.socket.destroy();
    if (answer.delay) await pause(answer.delay);
    await write(response, event, answer);
    told++;
  }
  response.end();
}

function pass(forward, incoming, text, response) {
  const { host, connection, ...headers } = incoming.headers;
  const onward = http.request(new URL(incoming.url, forward), { method: incoming.method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  response.on('close', () => onward.destroy());
  onward.end(text);
}

export async function upstream({ kind = 'openai', card = null, host = '127.0.0.1', port = 0, answer = null, forward = null } = {}) {
  const self = { requests: [], answer: typeof answer === 'function' ? answer : answer && (() => answer) };
  const sockets = new Set();
  const listener = async (incoming, response) => {
    const parts = [];
    for await (const part of incoming) parts.push(part);
    const text = Buffer.concat(parts).toString();
    const request = { method: incoming.method, path: incoming.url, headers: incoming.headers, text, aborted: false };
    try { request.json = JSON.parse(text); } catch { request.json = {}; }
    response.on('close', () => { request.aborted = !response.writableFinished; });
    self.requests.push(request);
    self.onrequest?.(request);
    if (forward) return pass(forward, incoming, text, response);
    const said = await self.answer?.(request) ?? { text: lastText(request.json) };
    await respond(kind, request, response, said);
  };
  const guarded = (incoming, response) => listener(incoming, response).catch(() => response.destroy());
  const server = card ? https.createServer({ key: card.key, cert: card.cert }, guarded) : http.createServer(guarded);
  server.on(card ? 'secureConnection' : 'connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => { self.refused = (self.refused ?? 0) + 1; });
  await new Promise((resolve) => server.listen(port, host, resolve));
  const name = host.includes(':') ? `[${host}]` : host;
  return Object.assign(self, {
    port: server.address().port, pin: card?.pin,
    url: `http${card ? 's' : ''}://${name}:${server.address().port}/v1`,
    present(other) { server.setSecureContext({ key: other.key, cert: other.cert }); },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { cert, key, log, ...options } = JSON.parse(process.argv[2]);
  const card = cert && { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8'), pin: pinOf(readFileSync(cert)) };
  const there = await upstream({ ...options, card });
  there.onrequest = (request) => appendFileSync(log, `${JSON.stringify({ path: request.path, headers: request.headers, text: request.text })}\n`);
  console.log('listening');
}
