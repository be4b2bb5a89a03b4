// soak.mjs BUILD [MINUTES]: a node at full load for a while (30 minutes). Three keys, one of weight
// 2, each with more streaming clients than there are places; prompts short and long, one
// after the other and after the same beginning, answers with and without a form, clients that
// leave. Beside it the memory of every room, each 10 seconds.
//
//   SOAK_MODEL  a GGUF file; else bench/engine's 0.5B Q4_0, made in BENCH_MODELS when it is not there
//   SEED        of what is asked
//
// RESULT lines: memory's slope after the warm-up (a third of the time) for each room, gaps between
// pieces of an answer for each key, pieces after the warm-up for each key over its weight, errors.
// Keys share by what requests cost, prompts too: pieces follow the weights as all keys ask alike.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

const [build, minutes = '30'] = process.argv.slice(2);
const PARALLEL = 8, CLIENTS = 8, EVERY_MS = 10_000;
process.env.SEKISHO = join(resolve(build), 'sekisho');
const { init, configure, serve, sekisho } = await import('../tests/api/node.mjs');

// ---- the node ----

function model() {
  if (process.env.SOAK_MODEL) return resolve(process.env.SOAK_MODEL);
  const folder = resolve(process.env.BENCH_MODELS ?? join(process.env.XDG_CACHE_HOME ?? build, 'sekisho-bench-models'));
  const file = join(folder, 'qwen05b-Q4_0-1.gguf');
  mkdirSync(folder, { recursive: true });
  if (!existsSync(file)) execFileSync(join(build, 'bench/engine_model'), ['qwen05b', 'Q4_0', file], { stdio: 'inherit' });
  return file;
}

const place = init();
const tenants = [['first', 1], ['second', 1], ['double', 2]].map(([name, weight]) => ({
  name, weight, tokens: 0, answers: 0, left: 0, late: 0, gaps: [], firsts: [],
  key: execFileSync(sekisho, ['key', name, '--weight', weight, '--config', place.config], { encoding: 'utf8' }).trim(),
}));
configure(place, [[/file: ".*"/, `file: "${model()}"`], [/id: ".*"/, 'id: "soak"'], [/context: 0/, 'context: 4096'],
  [/parallel: \d+/, `parallel: ${PARALLEL}`], [/parallel_per_key: \d+/, 'parallel_per_key: 0']]);
const node = await serve(place);

// ---- memory ----

// [room, MiB] of the node's processes.
function rooms() {
  const parents = new Map();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try { parents.set(Number(pid), Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])); } catch { /* it ended */ }
  }
  const own = (pid) => pid === node.child.pid || (parents.has(pid) && own(parents.get(pid)));
  const found = [];
  for (const pid of [...parents.keys()].filter(own)) {
    try {
      const kib = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
      found.push([pid === node.child.pid ? 'parent' : basename(readlinkSync(`/proc/${pid}/exe`).replace(' (deleted)', '')), kib / 1024]);
    } catch { /* it ended */ }
  }
  return found;
}

const began = performance.now(), end = began + 60_000 * Number(minutes), warm = began + (end - began) / 3;
const memory = new Map(); // room: [[hours, MiB]]
function look() {
  for (const [room, mib] of rooms()) {
    if (!memory.has(room)) memory.set(room, []);
    memory.get(room).push([(performance.now() - began) / 3_600_000, mib]);
  }
}

// MiB per hour, by least squares.
function slope(points) {
  const mean = (of) => points.reduce((sum, point) => sum + point[of], 0) / points.length, x = mean(0), y = mean(1);
  const over = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  return over / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
}

// ---- clients ----

let state = Number(process.env.SEED ?? 1);
const chance = (below) => (state = (state * 1103515245 + 12345) % 2147483648) % 65536 % below;
const words = 'back bank best book call came care city come able area case'.split(' ');
const text = (count) => Array.from({ length: count }, () => words[chance(words.length)]).join(' ');
const same = text(400); // a beginning that prompts share
const form = { type: 'json_schema', json_schema: { name: 'a', schema: { type: 'object', required: ['a', 'b'], additionalProperties: false,
  properties: { a: { type: 'array', items: { type: 'integer' }, minItems: 5, maxItems: 5 }, b: { enum: ['yes', 'no'] } } } } };

function question() {
  const kind = chance(10);
  const content = kind < 5 ? text(10 + chance(20)) : kind < 7 ? `${text(3)} ${text(150 + chance(450))}` : `${same} ${text(10)}`;
  return { model: 'soak', messages: [{ role: 'user', content }], stream: true, stream_options: { include_usage: true },
    max_tokens: 16 + chance(80), temperature: chance(2) ? 0 : 0.8, top_p: chance(2) ? 1 : 0.95,
    ...(chance(5) ? {} : { response_format: form }) };
}

const errors = new Map();
const wrong = (what) => errors.set(what, (errors.get(what) ?? 0) + 1);

const open = new Set();
async function ask(tenant) {
  const leaving = new AbortController();
  open.add(leaving);
  const leaves = chance(5) ? 0 : 1 + chance(20);
  const asked = performance.now();
  let pieces = 0, last = 0, finished = false;
  try {
    const reply = await fetch(`${node.url}/chat/completions`, { method: 'POST', signal: leaving.signal,
      headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' }, body: JSON.stringify(question()) });
    if (reply.status !== 200) {
      wrong(`${reply.status} ${(await reply.json()).error?.code}`);
      await new Promise((done) => setTimeout(done, 1000));
      return;
    }
    let rest = '';
    for await (const bytes of reply.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + bytes).split('\n');
      rest = lines.pop();
      for (const line of lines.filter((one) => one.startsWith('data: {'))) {
        const { choices, usage, error } = JSON.parse(line.slice(6));
        if (error) wrong(error.code);
        if (choices?.[0]?.finish_reason) finished = true;
        if (usage) tenant.answers++;
        if (!choices?.[0]?.delta?.content) continue;
        const now = performance.now();
        if (last) tenant.gaps.push(now - last);
        else tenant.firsts.push(now - asked);
        last = now;
        if (now > warm && now < end) tenant.tokens++;
        if (++pieces === leaves) leaving.abort();
      }
    }
    if (!finished) wrong('ended without a reason');
  } catch (error) {
    if (!leaving.signal.aborted) wrong(error.cause?.code ?? error.message);
    else if (performance.now() < end) tenant.left++;
  }
  open.delete(leaving);
}

async function client(tenant) {
  while (performance.now() < end) await ask(tenant);
}

const looking = setInterval(look, EVERY_MS);
setTimeout(() => { for (const one of open) one.abort(); }, end - performance.now()); // all leave
await Promise.all(tenants.flatMap((tenant) => Array.from({ length: CLIENTS }, () => client(tenant))));
clearInterval(looking);
look();
const { code } = await node.stop();
if (code !== 0 || / (fell|fail) /.test(node.log())) wrong('a room fell');

// ---- what was seen ----

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
console.log(`${minutes} minutes, ${CLIENTS} clients of each key, ${PARALLEL} answers at once\n`);
console.log('| room | MiB after the warm-up | at most | at the end | MiB per hour |\n|---|---|---|---|---|');
for (const [room, points] of memory) {
  const warm = points.slice(Math.floor(points.length / 3)), mib = warm.map((point) => point[1]);
  const rise = warm.length > 2 ? slope(warm).toFixed(2) : 'too short';
  console.log(`| ${room} | ${mib[0].toFixed(1)} | ${Math.max(...mib).toFixed(1)} | ${mib.at(-1).toFixed(1)} | ${rise} |`);
  console.log(`RESULT soak.memory.${room}: ${rise} MiB/h, ${(mib.at(-1) - mib[0]).toFixed(2)} MiB since the warm-up (goal: flat)`);
}
const seconds = (end - warm) / 1000, made = tenants.reduce((sum, one) => sum + one.tokens, 0);
for (const one of tenants) {
  const gaps = one.gaps.sort((a, b) => a - b), firsts = one.firsts.sort((a, b) => a - b);
  console.log(`${one.name}: weight ${one.weight}, ${one.tokens} pieces (${(one.tokens / seconds).toFixed(1)} a second, ${(100 * one.tokens / made).toFixed(1)} %), ` +
    `${one.answers} answers, ${one.left} left early; first after ${(at(firsts, 0.5) / 1000).toFixed(2)} s, at most ${(at(firsts, 1) / 1000).toFixed(2)} s`);
  console.log(`RESULT soak.gap.${one.name}: p50 ${at(gaps, 0.5).toFixed(0)} ms, p99 ${at(gaps, 0.99).toFixed(0)} ms, most ${at(gaps, 1).toFixed(0)} ms`);
}
const parts = tenants.map((one) => one.tokens / one.weight);
console.log(`RESULT soak.fair: ${(Math.min(...parts) / Math.max(...parts)).toFixed(2)} least over most tokens by weight (goal: >= 0.8)`);
console.log(`RESULT soak.errors: ${[...errors.values()].reduce((sum, count) => sum + count, 0)} ${[...errors].map(([what, count]) => `${what} x ${count}`).join(', ')} (goal: 0)`);
place.remove();
process.exitCode = errors.size ? 1 : 0;
