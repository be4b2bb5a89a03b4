// A node under everything at once, for a long time: all endpoints, clients that leave or read
// slowly, long prompts, wrong requests, several keys.
//   node soak.mjs [--minutes 30] [--workers 12] [--seed 1]
// Prints each room's memory over time, what was asked, times between tokens; ends with 1 when
// something was answered as it must not be, or a request is still open when all have left.
import { readFileSync, readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { FOREVER } from '../api/scripted.mjs';
import { booking, open, weather } from './world.mjs';
import { wrongs } from './wrong.mjs';

const { values: flags } = parseArgs({ options: {
  minutes: { type: 'string', default: '30' }, workers: { type: 'string', default: '12' }, seed: { type: 'string', default: '1' } } });
const minutes = Number(flags.minutes), workers = Number(flags.workers);

let state = Number(flags.seed) * 2654435761 >>> 0 || 1;
const chance = (n) => { // xorshift32
  state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
  return (state >>> 0) % n;
};
const one = (list) => list[chance(list.length)];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// What is kept of responses has its room filled within two minutes.
const at = await open([[/memory: 67108864/, 'memory: 4194304']]);
const document = await (await fetch(`${at.root}/openapi.json`)).json();
const { model } = at;

// ---- asking ----

const gaps = []; // ms between two events with text
const counts = new Map(), wrong = [];
const count = (name) => counts.set(name, (counts.get(name) ?? 0) + 1);

const ask = (path, body, { key = one(at.keys), signal } = {}) => fetch(at.root + path, {
  method: body ? 'POST' : 'GET', signal, headers: { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }) },
  body: body && JSON.stringify(body) });
async function expects(statuses, response) {
  const text = await response.text();
  if (!statuses.includes(response.status)) throw new Error(`${response.status} ${text.slice(0, 300)}`);
  return response.status === 200 && text.startsWith('{') ? JSON.parse(text) : text;
}
const fine = async (path, body, how) => expects([200], await ask(path, body, how));

// Reads a stream; `leave` is called with each event's number and says whether to leave.
async function follow(path, body, { leave = () => false, pause = 0 } = {}) {
  const controller = new AbortController();
  try {
    const response = await ask(path, { ...body, stream: true }, { signal: controller.signal });
    if (response.status !== 200) throw new Error(`${response.status} ${(await response.text()).slice(0, 300)}`);
    let events = 0, last = 0, tail = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const now = performance.now();
      if (pause) await sleep(pause);
      else if (last && /delta|"text"/.test(chunk)) gaps.push(now - last);
      last = now;
      tail = (tail + chunk).slice(-4000);
      if (leave(++events)) return controller.abort();
    }
    if (/"error":\{/.test(tail)) throw new Error(tail.slice(-300));
  } catch (error) {
    if (error.name !== 'AbortError') throw error;
  }
}

const words = ['朝食', '夕食', '部屋', '予約', '駐車場', '温泉', '荷物', '道'];
const said = (n = 1 + chance(4)) => Array.from({ length: n }, () => one(words)).join('と') + 'について教えてください。';
const turn = (text = said()) => [{ role: 'user', content: text }];
const chat = (more) => ({ model: model.words, messages: turn(), max_tokens: 4 + chance(60), seed: chance(1e6), ...more });
const tools = [{ type: 'function', function: weather }];
const schema = { type: 'json_schema', json_schema: { name: 'booking', strict: true, schema: booking } };
const message = (more) => ({ model: model.words, messages: turn(), max_tokens: 4 + chance(60), ...more });
const response = (more) => ({ model: model.words, input: said(), max_output_tokens: 16 + chance(60), ...more });

const bad = Object.entries({
  '/v1/chat/completions': chat({}), '/v1/messages': message({}), '/v1/responses': response({}), '/v1/embeddings': { model: model.encoder, input: ['a'] },
}).flatMap(([path, good]) => [...wrongs(document.paths[path].post.requestBody.content['application/json'].schema, good, document)]
  .filter(([param]) => !param.startsWith('thread')).map(([, body]) => [path, body]));

async function background() {
  const key = one(at.keys); // to others it does not exist
  const { id } = await fine('/v1/responses', response({ background: true }), { key });
  if (chance(2)) return expects([200], await ask(`/v1/responses/${id}/cancel`, {}, { key }));
  for (let status = 'queued'; ['queued', 'in_progress'].includes(status);) {
    await sleep(20);
    ({ status } = await fine(`/v1/responses/${id}`, undefined, { key }));
  }
  return fine('/v1/responses', response({ previous_response_id: id }), { key });
}
async function roundTrip() {
  const first = await fine('/v1/chat/completions', { ...chat({ model: model.caller, tools }), max_tokens: 200 });
  const { message: call } = first.choices[0];
  const result = { role: 'tool', tool_call_id: call.tool_calls[0].id, content: '22度' };
  await fine('/v1/chat/completions', { ...chat({ model: model.caller, tools }), max_tokens: 200,
    messages: [...turn(), { role: 'assistant', content: null, tool_calls: call.tool_calls }, result] });
}
async function leavesAtOnce() {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), chance(30));
  await ask('/v1/chat/completions', chat({ model: model.endless, max_tokens: FOREVER }), { signal: controller.signal })
    .then((reply) => reply.text()).catch((error) => { if (error.name !== 'AbortError') throw error; });
}

// weight, name, what
const work = [
  [8, 'chat', () => fine('/v1/chat/completions', chat())],
  [8, 'chat stream', () => follow('/v1/chat/completions', chat({ stream_options: { include_usage: true } }))],
  [4, 'stream left', () => { const n = 1 + chance(20); return follow('/v1/chat/completions', chat({ model: model.endless, max_tokens: FOREVER }), { leave: (i) => i >= n }); }],
  [3, 'left at once', leavesAtOnce],
  [2, 'slow reader', () => follow('/v1/chat/completions', chat({ max_tokens: 40 }), { pause: 60 })],
  [3, 'n', () => fine('/v1/chat/completions', chat({ n: 3 }))],
  [3, 'logprobs', () => fine('/v1/chat/completions', chat({ logprobs: true, top_logprobs: 5 }))],
  [4, 'schema', () => fine('/v1/chat/completions', chat({ response_format: schema, max_tokens: 200 }))],
  [4, 'tools', roundTrip],
  [3, 'tool forced', () => fine('/v1/chat/completions', chat({ model: model.plain, tools, tool_choice: 'required', max_tokens: 512 }))],
  [3, 'thinking', () => follow('/v1/chat/completions', chat({ model: model.thinker, max_tokens: 200 }))],
  [3, 'completions', () => fine('/v1/completions', { model: model.words, prompt: [said(), said()], max_tokens: 16 })],
  [4, 'embeddings', () => fine('/v1/embeddings', { model: model.encoder, input: Array.from({ length: 1 + chance(16) }, () => 'hello') })],
  [2, 'rerank', () => fine('/v1/rerank', { model: model.encoder, query: 'hello', documents: ['hello', 'world', 'again'] })],
  [2, 'attributions', () => fine('/v1/attributions', { model: model.words, messages: turn(said(3)), answer: 'はい' })],
  [3, 'responses', () => fine('/v1/responses', response())],
  [3, 'responses stream', () => follow('/v1/responses', response({ store: chance(2) === 0 }))],
  [2, 'responses background', background],
  [4, 'messages', () => fine('/v1/messages', message())],
  [4, 'messages stream', () => follow('/v1/messages', message())],
  [2, 'count tokens', () => fine('/v1/messages/count_tokens', { model: model.words, messages: turn() })],
  [2, 'long prompt', () => fine('/v1/chat/completions', chat({ messages: turn(said(12).repeat(1 + chance(3))), max_tokens: 8 }))],
  [1, 'very long prompt', () => fine('/v1/chat/completions', chat({ model: model.writer, messages: turn('x'.repeat(2000 + chance(4000))), max_tokens: 4 }))],
  [1, 'too long prompt', async () => expects([400], await ask('/v1/chat/completions', chat({ messages: turn('あ'.repeat(20000)) })))],
  [6, 'wrong request', async () => { const [path, body] = one(bad); await expects([400], await ask(path, body)); }],
  [1, 'wrong key', async () => expects([401], await ask('/v1/chat/completions', chat(), { key: 'sk-no' }))],
  [1, 'limited key', async () => expects([200, 429], await ask('/v1/chat/completions', chat(), { key: 'sk-limited' }))],
  [2, 'models', () => fine('/v1/models')],
  [1, 'metrics', async () => expects([200], await ask('/metrics', undefined, { key: 'sk-metrics' }))],
];
const wheel = work.flatMap((row) => Array(row[0]).fill(row));

// ---- watching ----

const ofProcess = (pid, name) => readFileSync(`/proc/${pid}/${name}`, 'utf8');
function rooms() {
  const list = readFileSync(`/proc/${at.pid}/task/${at.pid}/children`, 'utf8').trim().split(' ').map(Number);
  return [at.pid, ...list].map((pid) => ({ name: pid === at.pid ? 'parent' : ofProcess(pid, 'comm').trim(),
    rss: Number(/VmRSS:\s+(\d+)/.exec(ofProcess(pid, 'status'))[1]), fds: descriptors(pid) }));
}
function descriptors(pid) {
  try { return readdirSync(`/proc/${pid}/fd`).length; } catch { return '?'; }
}
const samples = []; // [minutes, rooms]
const begin = performance.now(), end = begin + minutes * 60000;
const watch = () => {
  samples.push([(performance.now() - begin) / 60000, rooms()]);
  const [time, list] = samples.at(-1);
  console.log(`${time.toFixed(1).padStart(5)} min  ${list.map(({ name, rss, fds }) => `${name} ${rss} kB ${fds} fds`).join('  ')}`);
};

// Growth per minute by least squares, after the first third.
function slope(name) {
  const points = samples.filter(([time]) => time >= minutes / 3).map(([time, list]) => [time, list.find((room) => room.name === name)?.rss ?? 0]);
  const n = points.length, mean = (i) => points.reduce((sum, point) => sum + point[i], 0) / n, [mx, my] = [mean(0), mean(1)];
  return points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
}
const quantile = (list, q) => list[Math.min(list.length - 1, Math.floor(list.length * q))];

async function worker() {
  while (performance.now() < end) {
    const [, name, run] = one(wheel);
    try {
      await run();
      count(name);
    } catch (error) {
      wrong.push(`${name}: ${error.cause?.message ?? ''} ${error.message}`);
    }
  }
}

watch();
const ticking = setInterval(watch, Math.max(5000, minutes * 60000 / 60));
await Promise.all(Array.from({ length: workers }, worker));
clearInterval(ticking);
await sleep(1000); // those who left have done so
watch();
const { open: stuck, running } = await at.ready();
const total = [...counts.values()].reduce((sum, n) => sum + n, 0);
console.log(`\n${[...counts].map(([name, n]) => `${name} ${n}`).join(', ')}`);
gaps.sort((a, b) => a - b);
console.log(`\nrequests ${total} (${(total / minutes / 60).toFixed(1)}/s)  stuck ${stuck} running ${running}  answered wrongly ${wrong.length}`);
console.log(`between tokens: p50 ${quantile(gaps, 0.5).toFixed(2)} ms  p99 ${quantile(gaps, 0.99).toFixed(2)} ms  max ${gaps.at(-1).toFixed(1)} ms  of ${gaps.length}`);
for (const { name, rss } of samples.at(-1)[1])
  console.log(`${name.padEnd(8)} ${rss} kB at the end, ${slope(name).toFixed(1)} kB per minute, ${(slope(name) * 1024 * minutes / total).toFixed(1)} bytes per request`);
for (const line of new Set(wrong.slice(0, 20))) console.log(`wrong: ${line}`);
const { code, log } = await at.stop();
const bad5 = log.split('\n').filter((line) => / (fell|fail) | status=5/.test(line));
for (const line of bad5.slice(0, 10)) console.log(`log: ${line}`);
process.exit(wrong.length || stuck || running || bad5.length || code ? 1 : 0);
