// peer.mjs FILE THREADS: llama.cpp as node-llama-cpp packs it, measured as engine.mjs asks: lines
// in, lines of JSON out, the same as those of ours.c, each with a word more: flash or plain, for
// its attention. Beside them:
//   stream B P N  B sequences at once from the first token of their prompts on: {"tokens",
//                 "seconds", "first": seconds until the first tokens, "gaps": [between two]}
// The contexts it needs are made before the clock runs, and kept while the next test needs the same.
import { createInterface } from 'node:readline';
import { getLlama, LlamaLogLevel } from '../../tests/parity/node_modules/node-llama-cpp/dist/index.js';

const CONTEXT = 1024; // of each sequence; short ones of many
const SHORT = 128;
const [file, threads] = [process.argv[2], Number(process.argv[3])];
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: LlamaLogLevel.error, progressLogs: false });

const say = (what) => console.log(JSON.stringify(what));
const seconds = (since) => (performance.now() - since) / 1000;

const began = performance.now();
const model = await llama.loadModel({ modelPath: file, gpuLayers: 0, useMmap: true });
let context, made = '', sequences = [];

async function prepare(count, flash) {
  const key = `${count} ${flash}`;
  if (key !== made) {
    await context?.dispose();
    context = await model.createContext({ contextSize: count > 1 ? SHORT : CONTEXT, batchSize: 512, threads, sequences: count, flashAttention: flash });
    sequences = Array.from({ length: count }, () => context.getSequence());
    made = key;
  }
  for (const sequence of sequences) await sequence.clearHistory();
}

// Ids all over the vocabulary's ordinary tokens; what they mean has no influence on the time.
function ids(count, seed) {
  let state = seed >>> 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return 256 + state % 100000;
  });
}

// So many tokens of each sequence, in step: the package puts into one batch what was asked for at
// once, and sequences left to themselves fall out of step (half the speed with eight). took(): after
// each step.
async function generate(inputs, count, took = () => {}) {
  const answers = inputs.map((input, i) => sequences[i].evaluate(input, { temperature: 0, yieldEogToken: true }));
  for (let step = 0; step < count; step++) {
    await Promise.all(answers.map((answer) => answer.next()));
    took();
  }
  await Promise.all(answers.map((answer) => answer.return()));
  return count * inputs.length;
}
const each = (batch, count) => Array.from({ length: batch }, (_, i) => ids(count, i));

const tests = {
  async prefill([count], flash) {
    await prepare(1, flash);
    const input = ids(count, 1), since = performance.now();
    await sequences[0].evaluateWithoutGeneratingNewTokens(input);
    return { tokens: count, seconds: seconds(since) };
  },
  async decode([count], flash) {
    await prepare(1, flash);
    const since = performance.now();
    const tokens = await generate(each(1, 1), count);
    return { tokens, seconds: seconds(since) };
  },
  async batch([batch, prompt, count], flash) {
    await prepare(batch, flash);
    for (const [i, input] of each(batch, prompt).entries()) await sequences[i].evaluateWithoutGeneratingNewTokens(input);
    const since = performance.now();
    const tokens = await generate(each(batch, 1), count);
    return { tokens, seconds: seconds(since) };
  },
  async stream([batch, prompt, count], flash) {
    await prepare(batch, flash);
    const times = [], since = performance.now();
    const tokens = await generate(each(batch, prompt), count, () => times.push(seconds(since)));
    return { tokens, seconds: seconds(since), first: times[0], gaps: times.slice(1).map((time, i) => time - times[i]) };
  },
};

await prepare(1, false);
say({ seconds: seconds(began) });
for await (const line of createInterface({ input: process.stdin })) {
  const [test, ...words] = line.split(' ');
  if (test === 'memory') say({ rss: process.resourceUsage().maxRSS * 1024 });
  else say(await tests[test](words.slice(0, -1).map(Number), words.at(-1) === 'flash'));
}
process.exit(0);
