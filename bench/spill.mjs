// bench/spill.mjs BUILD [SHAPE TYPE]: a prompt of 2,000 tokens whose keys and values are on disk
// (engine.cache_disk), sealed and in the system's page cache, beside the same prompt computed again.
// A real node, with memory for one conversation and a short one; three keys ask in turn, so that each
// puts the others' pages out. Time to the first token, as a client has it; the ratio is the median over
// the rounds. Then a short answer beside: the time between its pieces before and while pages are read.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const [build, shape = 'qwen05b', type = 'Q4_0'] = process.argv.slice(2);
const ROUNDS = 2, TOKENS = 2000, CONTEXT = 2048;
process.env.SEKISHO = resolve(build, 'sekisho');
const { init, configure, serve, sekisho } = await import('../tests/api/node.mjs');

const place = init();
const file = join(place.directory, 'bench.gguf');
execFileSync(join(build, 'bench/engine_model'), [shape, type, file], { stdio: 'inherit' });
const keys = ['one', 'two', 'three'].map((name) => execFileSync(sekisho, ['key', name, '--config', place.config], { encoding: 'utf8' }).trim());
configure(place, [[/file: ".*"/, `file: "${file}"`], [/id: ".*"/, 'id: "bench"'], [/context: \d+/, `context: ${CONTEXT}`],
  [/parallel: \d+/, 'parallel: 2'], [/threads: \d+/, 'threads: 2'], [/memory: \d+/, 'memory: 1']]);
const needed = /it needs (\d+) bytes/.exec(await serve(place).then(() => '', (error) => error.message))[1];
// Room for the table of places too, and for the answer beside.
configure(place, [[/memory: 1\b/, `memory: ${+needed + (9 << 20)}`]]);

// Words of model.c are tokens of their own, and so are the spaces between them.
const words = 'back bank best book call came care city come able area case'.split(' ');
const prompt = (salt) => `${salt} ${Array.from({ length: TOKENS / 2 }, (_, i) => words[(i * i + 7 * i + salt) % words.length]).join(' ')}`;

// Calls piece(event) for each event of an answer that streams.
async function stream(node, key, text, tokens, piece) {
  const reply = await fetch(`${node.url}/completions`, {
    method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'bench', prompt: text, max_tokens: tokens, temperature: 0, stream: true, stream_options: { include_usage: true } }),
  });
  if (reply.status !== 200) throw new Error(`the node: ${reply.status} ${await reply.text()}`);
  let rest = '';
  for await (const bytes of reply.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + bytes).split('\n');
    rest = lines.pop();
    for (const line of lines.filter((one) => one.startsWith('data: {'))) piece(JSON.parse(line.slice(6)));
  }
}

async function ask(node, key, salt) {
  const since = performance.now();
  let ms, usage;
  await stream(node, key, prompt(salt), 1, (event) => {
    ms ??= performance.now() - since;
    usage = event.usage ?? usage;
  });
  return { ms, all: usage.prompt_tokens, cached: usage.prompt_tokens_details.cached_tokens };
}

// An answer of one key goes on while the prompt of another comes back.
async function beside(node) {
  const times = [];
  let asked, from, to;
  await stream(node, keys[0], 'come back', 250, (event) => {
    if (event.choices?.[0]?.text) times.push(performance.now());
    if (times.length < 30 || asked) return;
    from = performance.now();
    asked = ask(node, keys[0], 1).then((one) => { to = performance.now(); return one; });
  });
  const { ms, cached } = await asked;
  const gaps = times.slice(1).map((time, i) => ({ time, gap: time - times[i] }));
  const show = (list) => `${median(list.map((one) => one.gap)).toFixed(0)} ms (most ${Math.max(...list.map((one) => one.gap)).toFixed(0)})`;
  console.log(`beside     ${cached} tokens found, first token after ${ms.toFixed(0)} ms; a piece of the other answer every ${show(gaps.filter(({ time }) => time <= from))} before, ${show(gaps.filter(({ time }) => time > from && time <= to))} meanwhile`);
}

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
const times = {};
for (const [name, disk] of [['computed', 0], ['disk', 1 << 30]]) {
  configure(place, [[/cache_disk: \d+/, `cache_disk: ${disk}`]]);
  const node = await serve(place);
  for (const key of keys) await ask(node, key, 1);
  times[name] = [];
  for (let round = 0; round < ROUNDS; round++)
    for (const key of keys) times[name].push(await ask(node, key, 1));
  if (disk) await beside(node);
  await node.stop();
}
place.remove();
rmSync(file, { force: true });
for (const [name, list] of Object.entries(times)) {
  const ms = list.map((one) => one.ms);
  console.log(`${name.padEnd(10)} ${list[0].all} tokens, ${median(list.map((one) => one.cached))} of them found: first token after ${median(ms).toFixed(0)} ms (${Math.min(...ms).toFixed(0)} .. ${Math.max(...ms).toFixed(0)})`);
}
const ratio = median(times.computed.map((one, i) => one.ms / times.disk[i].ms));
console.log(`RESULT spill.first_token ${ratio.toFixed(1)} ratio goal 10 ${ratio >= 10 ? 'met' : 'missed'}`);
