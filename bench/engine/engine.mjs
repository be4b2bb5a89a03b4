// The engine beside llama.cpp from npm, on models of true shapes with random weights.
//
//   make bench NAME=engine
//   ONLY=prefill.qwen05b,decode.qwen05b.Q4_0.t2 scripts/bench build engine   figures that begin so
//   PAIRS=1       pairs of each figure; 3 unless told
//   PEER=no       the engine alone, for a quick look
//   BENCH_MODELS  where the models are kept: made when they are not there, 4.2 GB in all
//
// The machine is shared, so a figure is a ratio: ours and the peer take turns, and the median of the
// pairs' ratios counts. Both are open at once, neither works while the other does. llama.cpp's
// attention is tried both ways before, the faster way counts. Its threads spin where they wait: on
// a machine that others use it may not come to an end, so each test has a time limit. The column
// `others` says how many cores they took meanwhile: with much over 0.2, two threads of llama.cpp are
// no measure.
// Beside them stand the floors, measured in the same run (floor.c): for prompts the operations of all
// weights but the embedding's, and of attention, at the CPU's int8 rate (float where it has no
// VNNI); for answers the bytes of the file at the rate memory is read. A figure ends in a RESULT line
// with its ratio.
import { existsSync, mkdirSync, statfsSync } from 'node:fs';
import { execFileSync, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { Talker, median } from './talker.mjs';
import { serveOurs } from './serve.mjs';
import { watchOthers } from './others.mjs';

const build = process.argv[2] ?? 'build';
const PAIRS = Number(process.env.PAIRS ?? 3);
const only = process.env.ONLY?.split(',') ?? [''];
const wanted = (name) => only.some((one) => name.startsWith(one));
const here = (name) => new URL(name, import.meta.url).pathname;
const hasPeer = process.env.PEER !== 'no' && existsSync(here('../../tests/parity/node_modules/node-llama-cpp'));

const SHAPES = ['qwen05b', 'llama1b'], TYPES = ['Q4_0', 'Q4_K_M', 'Q8_0'];
const PROMPT = 512, ANSWER = 128, CONTEXT = 1024;
const PAIR_S = 120, OPEN_S = 60; // limits of a test and of opening
const SMALL = ['qwen05b', 'Q4_0'], SERVED = ['llama1b', 'Q4_K_M']; // where one model must do

// ---- models ----

const VERSION = 1; // of what model.c makes
const cache = resolve(process.env.BENCH_MODELS ?? join(process.env.XDG_CACHE_HOME ?? build, 'sekisho-bench-models'));
function modelFile([shape, type]) {
  const file = join(cache, `${shape}-${type}-${VERSION}.gguf`);
  if (existsSync(file)) return file;
  mkdirSync(cache, { recursive: true });
  const { bavail, bsize } = statfsSync(cache);
  if (bavail * bsize < 3e9) throw new Error(`${cache}: less than 3 GB left; BENCH_MODELS names another place`);
  console.error(`making ${file}`);
  execFileSync(join(build, 'bench/engine_model'), [shape, type, file], { stdio: 'inherit' });
  return file;
}

// ---- who is measured ----

const openOurs = (file, threads, slots = 1, context = CONTEXT) =>
  Talker.open(join(build, 'bench/engine_ours'), [file, threads, slots, context], OPEN_S);
const openPeer = (file, threads) => (hasPeer ? Talker.open(process.execPath, [here('peer.mjs'), file, threads], OPEN_S) : null);
const rate = ({ tokens, seconds }) => tokens / seconds;

// ---- the table ----

const results = [];
const number = (value, digits = 3) => (Number.isFinite(value) ? String(Number(value.toPrecision(digits))) : '-');
const columns = (...cells) => console.log(`| ${cells[0].padEnd(27)} | ${cells.slice(1).map((cell) => cell.padStart(10)).join(' | ')} |`);

// One figure. value: what its goal, when it has one, is asked of; least: the goal is the least it
// may be.
function put({ name, unit, goal, least = true, floor, ours, peer, value, others, note = '' }) {
  const share = Number.isFinite(floor) ? `${Math.round(100 * ours / floor)} %` : '-';
  columns(name, unit, number(floor), number(ours), share, number(peer), number(value), number(goal), number(others, 2));
  if (note) console.log(`  ${note}`);
  const verdict = (least ? value >= goal : value <= goal) ? 'met' : 'missed';
  if (hasPeer || Number.isFinite(value)) results.push(`RESULT ${name} ${number(value, 4)} ratio goal ${goal ? `${goal} ${verdict}` : '-'}`);
}

// Ours and the peer in turns, each measured by its own: medians of both, and of the pairs' ratios.
async function pairs(ours, peer, takeOurs, takePeer) {
  const own = [], peers = [], ratios = [], others = watchOthers();
  for (let i = 0; i < PAIRS; i++) {
    own.push(await takeOurs(ours));
    if (!peer) continue;
    peers.push(await takePeer(peer));
    ratios.push(own.at(-1) / peers.at(-1));
  }
  return { ours: median(own), peer: median(peers), value: median(ratios), others: others() };
}

// A quarter of a test, for what need not be exact: to warm up, and to choose.
const quarter = (line) => line.replace(/\d+$/, (count) => Math.ceil(count / 4));

// The faster of llama.cpp's two ways for a test, by its rate.
async function betterWay(peer, line) {
  const plain = await peer?.ask(`${line} plain`, PAIR_S), flash = await peer?.ask(`${line} flash`, PAIR_S);
  return peer && rate(flash) > rate(plain) ? 'flash' : 'plain';
}

async function compare(ours, peer, line) {
  await ours.ask(quarter(line), PAIR_S);
  const way = await betterWay(peer, quarter(line));
  return pairs(ours, peer, async (one) => rate(await one.ask(line, PAIR_S)), async (one) => rate(await one.ask(`${line} ${way}`, PAIR_S)));
}

// ---- figures ----

const floors = JSON.parse(execFileSync(join(build, 'bench/engine_floor'), { encoding: 'utf8' }));

// In a second, of a prompt of PROMPT and of an answer: what the floors allow this model.
function floorOf({ parameters, bytes, layers, width, vocabulary }, threads) {
  const at = threads - 1, operations = floors.int8[at] || floors.float[at];
  const each = 2 * (parameters - vocabulary * width) + 2 * width * PROMPT * layers; // half of 4 x width x PROMPT: the mean
  return { prefill: operations / each, decode: floors.read[at] / bytes };
}

async function measureModel(model, threads, names) {
  const file = modelFile(model), ours = await openOurs(file, threads), peer = await openPeer(file, threads);
  try {
    const floor = floorOf(ours.opened, threads);
    if (wanted(names[0])) put({ name: names[0], unit: 'tokens/s', goal: 2, floor: floor.prefill, ...await compare(ours, peer, `prefill ${PROMPT}`) });
    if (wanted(names[1])) put({ name: names[1], unit: 'tokens/s', goal: 1.3, floor: floor.decode, ...await compare(ours, peer, `decode ${ANSWER}`) });
  } finally {
    ours.close();
    peer?.close();
  }
}

async function measureBatch(size) {
  const name = `batch.${size}`, file = modelFile(SMALL);
  const ours = await openOurs(file, 2, size, 128), peer = await openPeer(file, 2);
  try {
    put({ name, unit: 'tokens/s', goal: 2, ...await compare(ours, peer, `batch ${size} 64 32`) });
  } finally {
    ours.close();
    peer?.close();
  }
}

async function measureServe() {
  const file = modelFile(SERVED), CLIENTS = 8, TOKENS = 64;
  const ours = await serveOurs({ build, file, clients: CLIENTS, tokens: TOKENS }), peer = await openPeer(file, 2);
  try {
    await ours.ask();
    const line = `stream ${CLIENTS} ${ours.promptTokens} ${TOKENS}`, way = await betterWay(peer, quarter(line)), seen = [];
    const figure = await pairs(ours, peer, async () => { seen.push(await ours.ask()); return rate(seen.at(-1)); },
      async (one) => rate(await one.ask(`${line} ${way}`, PAIR_S)));
    const ms = (take) => number(1000 * median(seen.map(take)));
    put({ name: 'serve.8', unit: 'tokens/s', goal: 1.5, ...figure,
      note: `ours: first token ${ms((one) => one.first)} ms (median of clients), gaps p50 ${ms((one) => one.gaps.p50)}, p99 ${ms((one) => one.gaps.p99)}, most ${ms((one) => one.gaps.most)} ms; `
        + 'the peer: 8 sequences of one context in step, no HTTP, all prompts at once.\n'
        + '  llama-server (not on npm) on another machine (Xeon 2.5 GHz, 2 threads): 23 tokens/s, first token 2660 ms, gaps p50 320, p99 550, most 2390 ms.' });
  } finally {
    await ours.close();
    peer?.close();
  }
}

// From nothing to the first token. The peer's clock starts after Node.js and its library are there.
async function measureLoad([name]) {
  const file = modelFile(SERVED);
  const evict = () => execFileSync(join(build, 'bench/engine_ours'), ['--evict', file]);
  const first = async (open, words) => {
    if (name === 'load.cold') evict();
    const one = await open(file, 2);
    const { seconds } = await one.ask(`decode 1${words}`, PAIR_S);
    one.close();
    return one.opened.seconds + seconds;
  };
  const ours = () => first(openOurs, ''), peer = () => first(openPeer, ' plain');
  await ours();
  put({ name, unit: 's', goal: 1, least: false, ...await pairs(true, hasPeer, ours, peer) });
}

async function measureMemory() {
  const file = modelFile(SERVED), most = async (one, words) => {
    await one.ask(`prefill ${PROMPT}${words}`, PAIR_S);
    await one.ask(`decode 16${words}`, PAIR_S);
    const { rss } = await one.ask('memory', PAIR_S);
    one.close();
    return rss / 1e6;
  };
  const ours = await openOurs(file, 2), { bytes, layers, width, heads, headsKv } = ours.opened;
  const floor = (bytes + 2 * 2 * layers * width / heads * headsKv * CONTEXT) / 1e6; // KV in F16
  const own = await most(ours, ''), peer = await openPeer(file, 2), other = peer ? await most(peer, ' plain') : NaN;
  put({ name: 'rss', unit: 'MB', goal: 1.3, least: false, floor, ours: own, peer: other, value: own / floor });
}

async function measureScaling(test, line, goal) {
  const file = modelFile(SMALL), two = await openOurs(file, 2), one = await openOurs(file, 1);
  try {
    const take = async (who) => rate(await who.ask(line, PAIR_S));
    await take(two);
    put({ name: `scaling.${test}`, unit: 'tokens/s', goal, note: 'two threads, and in place of llama.cpp one', ...await pairs(two, one, take, take) });
  } finally {
    two.close();
    one.close();
  }
}

// With a neighbour at work on core 0, beside none; half a core of two is the most it takes fairly.
async function measureBusy(test, line) {
  const ours = await openOurs(modelFile(SMALL), 2);
  const take = async () => rate(await ours.ask(line, PAIR_S));
  const beside = async () => {
    const neighbour = spawn('taskset', ['-c', '0', join(build, 'bench/engine_floor'), '--busy'], { stdio: 'ignore' });
    try { return await take(); } finally { neighbour.kill('SIGKILL'); }
  };
  try {
    await take();
    put({ name: `scaling.busy.${test}`, unit: 'tokens/s', goal: 0.6, note: 'beside the neighbour, and in place of llama.cpp without it', ...await pairs(true, true, beside, take) });
  } finally {
    ours.close();
  }
}

// ---- all of it ----

const gigas = (list) => list.map((one) => number(one / 1e9)).join(' and ');
console.log(`floors, one thread and two: memory read ${gigas(floors.read)} GB/s, int8 ${gigas(floors.int8)} GOP/s, float ${gigas(floors.float)} GFLOP/s`);
if (!hasPeer) console.log('llama.cpp is not asked: PEER=no, or no npm ci --ignore-scripts --omit=optional in tests/parity');
columns('', '', 'floor', 'ours', 'of it', 'llama.cpp', 'ratio', 'goal', 'others');
columns('---', ...Array(8).fill('---:'));

// Each with the names of its figures.
const work = [];
for (const shape of SHAPES) for (const type of TYPES) for (const threads of [1, 2])
  work.push([['prefill', 'decode'].map((test) => `${test}.${shape}.${type}.t${threads}`), (names) => measureModel([shape, type], threads, names)]);
for (const size of [8, 16]) work.push([[`batch.${size}`], () => measureBatch(size)]);
work.push([['serve.8'], measureServe], [['load.warm'], measureLoad], [['load.cold'], measureLoad], [['rss'], measureMemory]);
work.push([['scaling.prefill'], () => measureScaling('prefill', `prefill ${PROMPT}`, 1.8)], [['scaling.decode'], () => measureScaling('decode', 'decode 64')]);
work.push([['scaling.busy.prefill'], () => measureBusy('prefill', `prefill ${PROMPT}`)], [['scaling.busy.decode'], () => measureBusy('decode', 'decode 64')]);
for (const [names, measure] of work) {
  if (!names.some(wanted)) continue;
  try {
    await measure(names);
  } catch (error) { // a peer that hangs must not cost the other figures
    console.log(`  ${error.message}`);
    for (const name of names) if (wanted(name) && !results.some((line) => line.includes(` ${name} `))) results.push(`RESULT ${name} - ratio goal - missed`);
  }
}
console.log();
for (const line of results) console.log(line);
process.exit(0); // whatever is still open
