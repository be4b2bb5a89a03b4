// Models that `sekisho model quantize` and `model merge` write, and adapters that the trainer
// writes, in our engine and in llama.cpp.
//
//   convert.mjs BIN SEKISHO
//
// BIN holds make_gguf and parity_ours. The trained model of this repository, as every type: the
// same greedy text in both, 32 tokens after each of three prompts; of the block types it may part
// where the peer's own two logits are nearer than its rounding of activations moves them (run.mjs).
// A random one whose rows are whole blocks of 256, as Q4_K_M: the logarithms of probabilities
// differ by no more than that rounding moves them.
import {execFile} from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import {promisify} from "node:util";
import {Peer} from "./peer.mjs";

const STEPS = 32, TIE = 0.25;
const BLOCKS = ["Q8_0", "Q6_K", "Q5_0", "Q4_0", "Q4_K", "Q4_K_M"];
const PROMPTS = ["駅から歩いて行ける宿がいいです。", "温泉に入りたいので、", "夕食は部屋で"];
const [bin, sekisho] = process.argv.slice(2);
const run = promisify(execFile);
const ours = async (...words) => JSON.parse(
    (await run(path.join(bin, "parity_ours"), words, {maxBuffer: 1 << 24})).stdout);
const directory = fs.mkdtempSync(path.join(os.tmpdir(), "sekisho-convert-"));
process.on("exit", () => fs.rmSync(directory, {recursive: true, force: true}));
const at = name => path.join(directory, name);
const source = path.join(import.meta.dirname, "../../models/sekisho-keigo.gguf");
let wrong = 0;
function check(fine, text) {
    console.log(`${fine ? "ok" : "NOT"}  ${text}`);
    if (!fine) wrong++;
}

// The greedy text after each prompt, of our engine and of the peer, which may be given other files.
async function beside(label, own, [file, lora], strict) {
    const peer = await Peer.open(file, lora);
    for (const prompt of PROMPTS) {
        const ids = peer.tokenize(prompt);
        const mine = (await ours(...own, `greedy=${ids}`)).greedy.slice(0, STEPS).map(one => one.token);
        const theirs = (await peer.greedy(ids, mine.length)).map(one => one.token);
        const text = `${label} ${prompt} → ${peer.model.detokenize(mine)}`;
        const parts = mine.findIndex((one, i) => one !== theirs[i]);
        if (parts < 0) {
            check(true, text);
            continue;
        }
        const lead = Math.abs(await peer.lead([...ids, ...mine.slice(0, parts)], mine[parts],
                                              theirs[parts]));
        check(!strict && lead <= TIE,
              `${text} (parts at ${parts + 1}, the peer's logits are ${lead.toPrecision(2)} apart)`);
    }
    await peer.close();
}

async function trained(type) {
    await run(sekisho, ["model", "quantize", source, at(`${type}.gguf`), "--type", type]);
    await beside(type, [at(`${type}.gguf`)], [at(`${type}.gguf`)], !BLOCKS.includes(type));
}

// A LoRA over the trained model: ours with it beside llama.cpp with it, and both beside the file
// into which it was merged, for exact and for quantised bases.
async function adapted(type) {
    const base = at(`${type}.gguf`), lora = at("lora.gguf"), merged = at(`${type}-merged.gguf`);
    await run(path.join(bin, "make_lora"), [base, lora, "0.01", "7"]);
    await run(sekisho, ["model", "merge", base, lora, merged]);
    const strict = type === "F32";
    await beside(`${type} with a LoRA`, [base, `adapter=${lora}`], [base, lora], strict);
    await beside(`${type} with it merged`, [merged], [merged], strict);
    if (strict) await beside(`${type}, merged beside not`, [merged], [base, lora], strict);
}

async function random() {
    await run(path.join(bin, "make_gguf"), ["llama", "F32", at("exact.gguf")]);
    await run(sekisho, ["model", "quantize", at("exact.gguf"), at("k.gguf"), "--type", "Q4_K_M"]);
    const ids = Array.from({length: 200}, (_, i) => 10 + i * 37 % 100);
    const own = (await ours(at("k.gguf"), `score=${ids}`)).score;
    const peer = await Peer.open(at("k.gguf")), theirs = await peer.score(ids);
    await peer.close();
    const rms = Math.sqrt(own.reduce((sum, one, i) => sum + (one - theirs[i]) ** 2, 0) / own.length);
    check(rms <= 1, `Q4_K_M, random: rms of logarithms ${rms.toPrecision(2)}`);
}

for (const type of ["F32", "F16", "BF16", ...BLOCKS]) await trained(type);
for (const type of ["F32", "Q8_0", "Q5_0"]) await adapted(type);
await random();
process.exit(wrong ? 1 : 0);
