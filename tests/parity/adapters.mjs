// Adapters: random LoRAs over small random models, the same greedy tokens as llama.cpp's, and what
// both say of a text.
//
//   adapters.mjs BIN
//
// BIN holds make_gguf, make_lora and parity_ours. Models are F32, so that what is left is the
// order of sums and, in adapters of F16, that llama.cpp rounds to F16 what A and B are multiplied
// with: a first token that differs must be as near as run.mjs asks of "exact" and "half".
import {execFile} from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import {promisify} from "node:util";
import {Peer} from "./peer.mjs";

const [bin] = process.argv.slice(2), run = promisify(execFile), STEPS = 64;
const TOLERANCE = {f32: 0.05, f16: 0.1};
const directory = fs.mkdtempSync(path.join(os.tmpdir(), "sekisho-parity-"));
process.on("exit", () => fs.rmSync(directory, {recursive: true, force: true}));
const ours = async (...words) =>
    JSON.parse((await run(path.join(bin, "parity_ours"), words, {maxBuffer: 1 << 24})).stdout);

const ids = (count, seed) => Array.from({length: count}, () => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return 10 + Math.floor((seed >>> 8) / 2 ** 24 * 100);
});
const PROMPT = ids(16, 1), TEXT = ids(200, 2);
const rms = (a, b) => Math.sqrt(a.reduce((sum, one, i) => sum + (one - b[i]) ** 2, 0) / a.length);

async function one(family, kind, rank) {
    const model = path.join(directory, "model.gguf"), adapter = path.join(directory, "adapter.gguf");
    await run(path.join(bin, "make_gguf"), [family, "F32", model]);
    await run(path.join(bin, "make_lora"),
              [model, adapter, 0.067, 7, rank, ...kind === "f16" ? ["f16"] : []].map(String));
    const plain = await ours(model, `greedy=${PROMPT}`, `score=${TEXT}`);
    const own = await ours(model, `adapter=${adapter}`, `greedy=${PROMPT}`, `score=${TEXT}`);
    const peer = await Peer.open(model, adapter);
    try {
        const theirs = await peer.greedy(PROMPT, own.greedy.length), score = await peer.score(TEXT);
        const first = theirs.findIndex((token, i) => token.token !== own.greedy[i].token);
        const lead = first < 0 ? 0 : Math.abs(await peer.lead(
            [...PROMPT, ...theirs.slice(0, first).map(({token}) => token)], theirs[first].token,
            own.greedy[first].token));
        const off = rms(own.score, score), moved = rms(own.score, plain.score);
        const fine = lead <= TOLERANCE[kind] && off < TOLERANCE[kind] && moved > 4 * TOLERANCE[kind];
        const text = first < 0 ? `= ${own.greedy.length}/${STEPS}`
                               : `step ${first + 1}: ${lead.toPrecision(2)}`;
        console.log(`${fine ? "fine" : "OUTSIDE"} ${family} ${kind} rank ${rank}: ${text}, rms ${
            off.toPrecision(2)} of ${moved.toPrecision(2)} that the adapter moves`);
        return fine;
    } finally {
        await peer.close();
    }
}

const cases = [["llama", "f32", 8], ["llama", "f16", 16], ["qwen2", "f32", 3], ["qwen3", "f16", 8],
               ["gemma2", "f32", 8], ["phi3", "f32", 5], ["olmo2", "f32", 8], ["phi2", "f32", 8]];
let fine = true;
for (const words of cases) fine = await one(...words) && fine;
process.exit(fine ? 0 : 1);
