// Parity: the engine beside llama.cpp from npm, for every model family and weight type.
//
//   run.mjs BIN [--all] [--family NAME] [--type NAME] [--out FILE]
//
// BIN holds make_gguf and parity_ours. Without --all: every family with F32 and one quantised type,
// and every type on llama. Prints the table of families and types in Markdown; exit 1 when a cell
// is outside.
//
// What is asked of a decoder's cell, `exact` being the peer on the same weights written as F32:
//   1. 64 greedy tokens are those of `exact`, or differ first where its two logits are within the
//      tolerance of "exact" below; then, forced along its tokens, every other step too.
//   2. The perplexity of 256 random tokens is within 0.3 % of `exact`.
//   3. 1 beside the peer on the file as it is, with the tolerance of its type; and 2, where the
//      peer's own distance from `exact` may be added to the 0.3 %.
//   4. Of types that Sekisho packs (src/engine/pack.h) 1 and 2 are asked with the tolerance of the
//      type, and that the logarithms of probabilities are no further from `exact` (rms) than the
//      peer's own, by a quarter (of a mixture, whose experts swap, by half). Of the trained model
//      2 is asked as it stands.
// Why `exact`: the peer rounds what a quantised matrix is multiplied with to int8 (with F16 and
// BF16: to these), Sekisho to int8 with one scale for 32, and only for the types it packs. On random
// weights that alone moves the logarithms of probabilities by the rms printed below the table, and
// perplexities by some percent. What is left beside `exact` is the order of sums, F16 in keys, values and scores, and GELU by an F16 table:
// there the peer's own attention with and without flash differs by an rms of 0.006 and up to 0.03,
// of logits that spread over 4 (in "exact" files; measured on llama, mistral, gemma, phi3).
// In a mixture a router's near tie can swap an expert, and the peer does this to itself (its KV in
// F32 instead of F16 moved one probability by e^1.0): two of 64 steps may be outside there. Seen in
// mixtral Q2_K at step 10, where the second and the third expert's scores are 0.0012 apart.
// Encoders: the cosine of the embeddings is at least that of "exact", as it is that of the type.
// Rerankers: the scores of four pairs are within the tolerance of scores.
import {execFile} from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import {parseArgs, promisify} from "node:util";
import {Peer} from "./peer.mjs";

const STEPS = 64, PERPLEXITY = 0.003, TIES = 2;
const CLASSES = { // of types: what the peer rounds to; tolerance of logits, over 3 times the rms,
                  // and of a reranker's score, twice the worst
    exact: {types: ["F32"], rounds: "nothing", logits: 0.05, score: 0.02, cosine: 0.9999},
    half: {types: ["F16"], rounds: "F16", logits: 0.1, score: 0.02, cosine: 0.9999},
    brain: {types: ["BF16"], rounds: "BF16", logits: 0.5, score: 0.1, cosine: 0.999},
    block32: {types: ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL"],
              rounds: "int8, one scale for 32", logits: 1.5, score: 0.4, cosine: 0.998},
    block256: {types: ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS"],
               rounds: "int8, one scale for 256", logits: 3, score: 0.8, cosine: 0.99},
};
const PACKED = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"], FURTHER = 1.25, FURTHER_MIXED = 1.5;
const classOf = type => Object.entries(CLASSES).find(([, one]) => one.types.includes(type))[0];

const {values: options, positionals: [bin]} = parseArgs({allowPositionals: true, options: {
    all: {type: "boolean"}, family: {type: "string"}, type: {type: "string"},
    out: {type: "string"}}});
const run = promisify(execFile);
const make = (...words) => run(path.join(bin, "make_gguf"), words);
const ours = async (...words) => JSON.parse(
    (await run(path.join(bin, "parity_ours"), words, {maxBuffer: 1 << 24})).stdout);
const directory = fs.mkdtempSync(path.join(os.tmpdir(), "sekisho-parity-"));
process.on("exit", () => fs.rmSync(directory, {recursive: true, force: true}));

const TRAINED = "trained model";
const JAPANESE = `予算は二名で合計二万円くらいまで。駅から歩いて行ける宿がいいです。
温泉に入りたいので、露天風呂のある部屋を希望します。できれば貸切風呂もあると助かります。
夕食は部屋で食べられますか？子供が卵アレルギーなので、対応していただけるか教えてください。
チェックインは夜の九時ごろになりそうです。遅い時間でも大丈夫な宿をお願いします。
禁煙の部屋で、ベッドは二つ。海が見えるともっとうれしいです。
車で行くので、無料の駐車場がある宿を探しています。
朝食は和食がいいです。洗濯機が使えるところだと長く泊まれて便利です。
両親と一緒に行くので、段差の少ない宿がいいです。エレベーターはありますか？
犬を連れて泊まれるところを探しています。大きい犬でも大丈夫でしょうか。
来月の週末に一泊で、できるだけ静かなところに泊まりたいです。
インターネットが使えて、机のある部屋だと仕事ができて助かります。
近くに観光できる場所やコンビニがあると便利です。
部屋は和室で、布団で寝られるところを希望します。
大浴場は夜中でも入れますか？サウナがあるとさらにいいです。
子供は三歳なので、添い寝で料金がかからない宿を教えてください。
空港からの送迎バスがある宿はありますか？荷物を先に預けられるとうれしいです。
記念日なので、景色のいいレストランで食事をしたいです。ケーキも頼めますか？`;

// The same ids every time: prompts of tokens that every vocabulary here has.
function ids(count, seed) {
    return Array.from({length: count}, () => {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        return 10 + Math.floor((seed >>> 8) / 2 ** 24 * 100);
    });
}
const PROMPT = ids(16, 1), TEXT = ids(256, 2), SENTENCE = [2, ...ids(40, 3), 3];
const PAIRS = [4, 5, 6, 7].map(seed => [2, ...ids(9, seed), 3, ...ids(40, seed + 9), 3]);

const mean = list => list.reduce((sum, one) => sum + one, 0) / list.length;
const rms = list => Math.sqrt(mean(list.map(one => one * one)));
const minus = (a, b) => a.map((one, i) => one - b[i]);
const percent = ratio => `${ratio < 0 ? "−" : "+"}${Math.abs(100 * ratio).toFixed(3)} %`;
const ratio = (score, to) => Math.exp(mean(to) - mean(score)) - 1; // of perplexities
function cosine(a, b) {
    const dot = (x, y) => x.reduce((sum, one, i) => sum + one * y[i], 0);
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

// Where the lists of tokens differ first, and by how much the peer likes its own better there;
// then, forced along the peer's tokens, at how many steps the engine says the same, and the
// furthest of the others.
async function along(file, peer, theirs, own, {logits, ties, prompt}) {
    const first = theirs.findIndex((one, i) => one.token !== own[i]?.token);
    if (first < 0) return {fine: true, text: `= ${theirs.length}/${theirs.length}`};
    const tokens = theirs.map(one => one.token), leads = new Map();
    const {forced} = await ours(file, `forced=${prompt}/${tokens}`);
    for (let i = 0; i < tokens.length; i++) {
        if (forced[i] === tokens[i]) continue;
        const before = [...prompt, ...tokens.slice(0, i)];
        leads.set(i, Math.abs(await peer.lead(before, tokens[i], forced[i])));
    }
    const outside = [...leads.values()].filter(lead => !(lead <= logits)).length;
    const at = leads.has(first) ? leads.get(first).toPrecision(2) : "?";
    const most = Math.max(0, ...leads.values()).toPrecision(2);
    const same = `${tokens.length - leads.size}/${tokens.length}`;
    return {fine: leads.has(first) && outside <= ties,
            text: `step ${first + 1}: ${at}; ${same}, ≤ ${most}`};
}

async function decoder(file, exactFile, type,
                       {family, noise, strict, prompt = PROMPT, text = TEXT}) {
    const kind = classOf(type), ties = family.experts ? TIES : 0;
    const working = ours(file, `greedy=${prompt}`, `score=${text}`);
    working.catch(() => 0); // awaited below
    const exact = await Peer.open(exactFile);
    const asIs = file === exactFile ? exact : await Peer.open(file);
    try {
        const own = await working, steps = own.greedy.length; // fewer when the model ends
        const score = await exact.score(text), to = ratio(own.score, score);
        const packed = PACKED.includes(type), own_rms = rms(minus(own.score, score));
        const result = await along(file, exact, await exact.greedy(prompt, steps), own.greedy,
                                   {...CLASSES[packed ? kind : "exact"], ties, prompt});
        const cell = {fine: result.fine && (packed && !strict || Math.abs(to) <= PERPLEXITY),
                      exact: `${result.text}, ${percent(to)}`};
        if (packed) cell.exact += `, rms ${own_rms.toPrecision(2)}`;
        else noise.push({kind: "exact", rms: own_rms});
        if (asIs !== exact) {
            const scoreIs = await asIs.score(text), toIs = ratio(own.score, scoreIs);
            const self = ratio(score, scoreIs);
            const is = await along(file, asIs, await asIs.greedy(prompt, steps), own.greedy,
                                   {...CLASSES[kind], ties, prompt});
            const theirs = rms(minus(scoreIs, score));
            const further = family.experts ? FURTHER_MIXED : FURTHER;
            cell.fine &&= is.fine && (packed ? own_rms <= further * theirs
                                             : Math.abs(toIs) <= Math.abs(self) + PERPLEXITY);
            cell.asIs = `${is.text}, ${percent(toIs)} (${percent(self)})`;
            if (packed) cell.asIs += `, rms of its own ${theirs.toPrecision(2)}`;
            noise.push({kind, rms: theirs});
        }
        return cell;
    } finally {
        await exact.close();
        if (asIs !== exact) await asIs.close();
    }
}

async function encoder(file, exactFile, type) {
    const {embed} = await ours(file, `embed=${SENTENCE}`);
    const beside = async (at, least) => {
        const peer = await Peer.open(at);
        const vector = await peer.embed(SENTENCE);
        await peer.close();
        const size = Math.sqrt(vector.reduce((sum, one) => sum + one * one, 0));
        const of = cosine(embed, vector);
        const most = Math.max(...minus(embed, vector.map(one => one / size)).map(Math.abs));
        return {fine: of >= least, text: `cos ${of.toFixed(6)}, max ${most.toExponential(0)}`};
    };
    const near = PACKED.includes(type) ? classOf(type) : "exact";
    const exact = await beside(exactFile, CLASSES[near].cosine);
    if (file === exactFile) return {fine: exact.fine, exact: exact.text};
    const asIs = await beside(file, CLASSES[classOf(type)].cosine);
    return {fine: exact.fine && asIs.fine, exact: exact.text, asIs: asIs.text};
}

async function reranker(file, exactFile, type) {
    const own = (await Promise.all(PAIRS.map(pair => ours(file, `rank=${pair}`))))
        .map(one => one.rank);
    const beside = async (at, most) => {
        const peer = await Peer.open(at), theirs = [];
        for (const pair of PAIRS) theirs.push(await peer.rank(pair));
        await peer.close();
        const by = Math.max(...minus(own, theirs).map(Math.abs));
        return {fine: by <= most, text: `max ${by.toExponential(0)} of ±${
            Math.max(...theirs.map(Math.abs)).toPrecision(2)}`};
    };
    const near = PACKED.includes(type) ? classOf(type) : "exact";
    const exact = await beside(exactFile, CLASSES[near].score);
    if (file === exactFile) return {fine: exact.fine, exact: exact.text};
    const asIs = await beside(file, CLASSES[classOf(type)].score);
    return {fine: exact.fine && asIs.fine, exact: exact.text, asIs: asIs.text};
}

// The model in this repository, trained, Q8_0, on text of its kind.
async function trained(noise) {
    const file = path.join(import.meta.dirname, "../../models/sekisho-keigo.gguf");
    const exact = path.join(directory, "exact.gguf");
    await make("--expand", file, exact);
    const peer = await Peer.open(file), text = peer.tokenize(JAPANESE);
    await peer.close();
    // After so much of the text it goes on for 64 tokens; after less it ends early at times.
    return decoder(file, exact, "Q8_0",
                   {family: {}, noise, strict: true, text, prompt: text.slice(0, 48)});
}

async function cell(family, type, noise) {
    const file = path.join(directory, "as-is.gguf"), exact = path.join(directory, "exact.gguf");
    try {
        await Promise.all([make(family.name, type, file),
                           type === "F32" ? 0 : make(family.name, type, exact, "f32")]);
        const one = family.ranks ? reranker : family.encoder ? encoder : decoder;
        return await one(file, type === "F32" ? file : exact, type, {family, noise});
    } catch (error) {
        return {fine: false, exact: (error.stderr || error.message).trim().split("\n").at(-1)};
    }
}

function table(families, types, cells, which) {
    const text = (family, type) => cells.get(`${family} ${type}`)?.[which] ?? "";
    return [`| | ${types.join(" | ")} |`, `|---|${"---|".repeat(types.length)}`,
            ...families.map(({name}) =>
                `| ${name} | ${types.map(type => text(name, type)).join(" | ")} |`)];
}

function report(families, types, cells, noise) {
    const lines = [
        "# Parity with llama.cpp", "",
        `Made by \`tests/parity/run.mjs --all\` on ${new Date().toISOString().slice(0, 10)}; its head`,
        "says what is asked and why. A cell: `= 64/64` greedy tokens, or the first step that differs",
        "with the distance of the two logits, how many steps agree when forced along the peer's",
        "tokens, and the largest distance of the others; then the difference of perplexity. Of types",
        "whose products are of integers (src/engine/pack.h): the rms of the differences of logarithms",
        "of probabilities, ours from exact weights here, the peer's own below.",
        "Encoders: cosine and largest difference of the embeddings; rerankers: largest difference of",
        "the scores.", "",
        "## Beside the peer on the same weights as F32", "",
        ...table(families, types, cells, "exact"), "",
        "## Beside the peer on the file as it is", "",
        "In parentheses what the peer's perplexity differs from its own on the weights as F32.", "",
        ...table(families, types.filter(type => type !== "F32"), cells, "asIs"), "",
        "## The model of this repository: trained, Q8_0, Japanese text", "",
        `As F32: ${cells.get(TRAINED)?.exact ?? "not run"}`, "",
        `As it is: ${cells.get(TRAINED)?.asIs ?? "not run"}`, "",
        "## Tolerances", "",
        "| what the peer rounds activations to | its logarithms of probabilities move by (rms, " +
            "worst cell) | tolerance of logits | of scores |", "|---|---|---|---|"];
    for (const [kind, {rounds, types, logits, score}] of Object.entries(CLASSES)) {
        const measured = noise.filter(one => one.kind === kind).map(one => one.rms);
        if (measured.length)
            lines.push(`| ${rounds} (${types.join(" ")}) | ` +
                       `${Math.max(...measured).toPrecision(2)} | ${logits} | ${score} |`);
    }
    const outside = [...cells].filter(([, one]) => !one.fine);
    lines.push("", `${cells.size} cells, ${outside.length} outside`);
    for (const [key, {exact, asIs}] of outside) lines.push(`outside: ${key}: ${exact}; ${asIs}`);
    return lines.join("\n") + "\n";
}

const started = Date.now(), list = JSON.parse((await make("--list")).stdout);
const families = list.families.filter(({name}) => !options.family || options.family === name);
const types = list.types.filter(name => !options.type || options.type === name);
const quantised = list.types.slice(3), cells = new Map(), noise = [];
for (const [row, family] of families.entries())
    for (const type of types) {
        const chosen = options.all || options.type || family.name === "llama" || type === "F32" ||
            type === quantised[row % quantised.length];
        if (chosen) cells.set(`${family.name} ${type}`, await cell(family, type, noise));
    }
if (!options.family && !options.type) cells.set(TRAINED, await trained([]));
const text = report(families, types, cells, noise);
process.stdout.write(`${text}${((Date.now() - started) / 1000).toFixed(0)} s\n`);
if (options.out) fs.writeFileSync(options.out, text);
process.exit([...cells.values()].every(one => one.fine) && cells.size ? 0 : 1);
