// Tokenizers: ids of the engine beside those of llama.cpp from npm, for random vocabularies of
// every model and pre-tokenizer.
//
//   tokenizers.mjs BIN [--texts 2200] [--seed 1] [--vocabularies 1] [--pre NAME] [--out FILE]
//
// BIN holds make_vocab. Each vocabulary gets --texts texts (texts.mjs), half of them with
// control tokens meant. Prints a table in Markdown; exit 1 when any text differs. Text that is not
// UTF-8 cannot be asked through JavaScript.
import {execFileSync} from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import {parseArgs} from "node:util";
import {getLlama, LlamaLogLevel} from "node-llama-cpp";
import {texts} from "./texts.mjs";

const {values: options, positionals: [bin]} = parseArgs({allowPositionals: true, options: {
    texts: {type: "string", default: "2200"}, seed: {type: "string", default: "1"},
    vocabularies: {type: "string", default: "1"}, pre: {type: "string"}, out: {type: "string"}}});
const COUNT = Number(options.texts), SEED = Number(options.seed);

// One name for each row of src/engine/pretoken.c.
const PRES = ["default", "gpt-2", "starcoder", "llama-bpe", "dbrx", "qwen2", "qwen35", "ufakzeka",
    "laguna", "seed-coder", "bailingmoe", "minicpm5", "jais-2", "falcon", "deepseek-llm",
    "deepseek-coder", "deepseek-v3", "spark2_5", "youtu", "afmoe", "tiny_aya", "bloom", "viking",
    "tekken", "gpt-4o", "granite-embed-multi-97m", "kimi-k2", "chameleon"];
const cells = [...["llama", "t5", "bert", "gemma4"].map(model => ({model})),
               ...PRES.map(pre => ({model: "gpt2", pre}))]
    .filter(({pre}) => !options.pre || options.pre === pre);
const SPECIALS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im", "<|im_s", "<tool>x",
    "<tool>", "Hello", "Hel", "ello", "日本語", "日本", "  ", "\n\n", "éè", "<s>", "</s>", "<unk>",
    "[UNK]", "<mask>", "[INST]", "<eos>"];

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "sekisho-tokens-"));
process.on("exit", () => fs.rmSync(directory, {recursive: true, force: true}));
const llama = await getLlama({gpu: false, build: "never", maxThreads: 1,
                              logLevel: LlamaLogLevel.disabled, progressLogs: false});

function ours(file, list, special) {
    const words = ["tokenize", "--model", file, "--lines", "--zero", "--no-bos"];
    const input = Buffer.concat(list.flatMap(text => [text, Buffer.from([0])]));
    if (special) words.push("--special");
    const out = execFileSync(path.join(bin, "../../sekisho"), words, {input, maxBuffer: 1 << 28});
    return out.toString().trimEnd().split("\n");
}

// How many of the texts are equal; the first that is not is shown.
async function compare({model, pre}, seed) {
    const file = path.join(directory, "vocabulary.gguf");
    execFileSync(path.join(bin, "make_vocab"), [model, seed, file, ...pre ? [pre] : []]);
    const peer = await llama.loadModel({modelPath: file, vocabOnly: true});
    const list = texts(seed, COUNT, {specials: SPECIALS, utf8: true});
    let equal = 0, shown = false;
    for (const special of [false, true]) {
        const half = list.filter((_, i) => i % 2 === Number(special));
        const got = ours(file, half, special);
        half.forEach((text, i) => {
            const want = JSON.stringify(peer.tokenize(text.toString(), special).map(Number));
            if (want === got[i]) equal++;
            else if (!shown)
                shown = console.error(`${model} ${pre ?? ""} seed ${seed} special ${special}: ` +
                    `${JSON.stringify(text.toString())}\n  peer ${want}\n  ours ${got[i]}`) ?? true;
        });
    }
    await peer.dispose();
    return equal;
}

const rows = [];
for (const cell of cells) {
    let equal = 0;
    for (let i = 0; i < Number(options.vocabularies); i++)
        equal += await compare(cell, SEED * 1000 + rows.length * 10 + i);
    rows.push({...cell, equal, asked: COUNT * Number(options.vocabularies)});
}
const table = ["| model | pre-tokenizer | texts | equal |", "|---|---|---|---|",
    ...rows.map(row => `| ${row.model} | ${row.pre ?? ""} | ${row.asked} | ${row.equal} |`), ""]
    .join("\n");
process.stdout.write(table);
if (options.out) fs.writeFileSync(options.out, table);
process.exit(rows.every(({equal, asked}) => equal === asked) ? 0 : 1);
