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
// Why `exact`: the peer rounds what a quantised matrix is multiplied with to int8 (with F16 and
// BF16: to these), Sekisho does not round it. On random weights that alone moves the logarithms of
// probabilities by the rms printed below the table, and perplexities by some percent. What is left
// beside `exact` is the order of sums, F16 in keys, values and scores, and GELU by an F16 table:
// there the peer's own attention with and without flash differs by an rms of 0.006 and up to 0.03,
// of logits that spread over 4 (in "exact" files; measured on llama, mistral, gemma, phi3).
// In a mixture a router's near tie can swap an expert, and the peer does this to itself (its KV in
// F32 instead of F16 moved one probability by e^1.0): two of 64 steps may be outside there.
// Encoders: the cosine of the embeddings is at least that of "exact", and as it is that of the type.
import {execFile} from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import {parseArgs, promisify} from "node:util";
import {Peer} from "./peer.mjs";

const STEPS = 64, PERPLEXITY = 0.003, TIES = 2;
const CLASSES = { // of types: what the peer rounds to; tolerance of logits, at least 3 times the rms
    exact: {types: ["F32"], rounds: "nothing", logits: 0.05, cosine: 0.9999},
    half: {types: ["F16"], rounds: "F16", logits: 0.1, cosine: 0.9999},
    brain: {types: ["BF16"], rounds: "BF16", logits: 0.5, cosine: 0.999},
    block32: {types: ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL"],
              rounds: "int8, one scale for 32", logits: 1.5, cosine: 0.998},
    block256: {types: ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS"],
               rounds: "int8, one scale for 256", logits: 3, cosine: 0.99},
};
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

// The same ids every time: prompts of tokens that every vocabulary here has.
function ids(count, seed) {
    return Array.from({length: count}, () => {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        return 10 + Math.floor((seed >>> 8) / 2 ** 24 * 100);
    });
}
const PROMPT = ids(16, 1), TEXT = ids(256, 2), SENTENCE = [2, ...ids(40, 3), 3];

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
async function along(file, peer, theirs, own, {logits, ties}) {
    const first = theirs.findIndex((one, i) => one.token !== own[i]?.token);
    if (first < 0) return {fine: true, text: `= ${STEPS}/${STEPS}`};
    const tokens = theirs.map(one => one.token), leads = new Map();
    const {forced} = await ours(file, `forced=${PROMPT}/${tokens}`);
    for (let i = 0; i < STEPS; i++) {
        if (forced[i] === tokens[i]) continue;
        const before = [...PROMPT, ...tokens.slice(0, i)];
        leads.set(i, Math.abs(await peer.lead(before, tokens[i], forced[i])));
    }
    const outside = [...leads.values()].filter(lead => !(lead <= logits)).length;
    const at = leads.has(first) ? leads.get(first).toPrecision(2) : "?";
    const most = Math.max(0, ...leads.values()).toPrecision(2);
    return {fine: leads.has(first) && outside <= ties,
            text: `step ${first + 1}: ${at}; ${STEPS - leads.size}/${STEPS}, ≤ ${most}`};
}

async function decoder(file, exactFile, type, {family, noise}) {
    const kind = classOf(type), ties = family.experts ? TIES : 0;
    const working = ours(file, `greedy=${PROMPT}`, `score=${TEXT}`);
    working.catch(() => 0); // awaited below
    const exact = await Peer.open(exactFile);
    const asIs = file === exactFile ? exact : await Peer.open(file);
    try {
        const greedy = await exact.greedy(PROMPT, STEPS), score = await exact.score(TEXT);
        const own = await working, to = ratio(own.score, score);
        const result = await along(file, exact, greedy, own.greedy, {...CLASSES.exact, ties});
        let fine = result.fine && Math.abs(to) <= PERPLEXITY;
        let text = `${result.text}, ${percent(to)}`;
        noise.push({kind: "exact", rms: rms(minus(own.score, score))});
        if (asIs !== exact) {
            const scoreIs = await asIs.score(TEXT), toIs = ratio(own.score, scoreIs);
            const self = ratio(score, scoreIs);
            const is = await along(file, asIs, await asIs.greedy(PROMPT, STEPS), own.greedy,
                                   {...CLASSES[kind], ties});
            fine &&= is.fine && Math.abs(toIs) <= Math.abs(self) + PERPLEXITY;
            text += `<br>as is ${is.text}, ${percent(toIs)} (peer ${percent(self)})`;
            noise.push({kind, rms: rms(minus(scoreIs, score))});
        }
        return {fine, text};
    } finally {
        await exact.close();
        if (asIs !== exact) await asIs.close();
    }
}

async function encoder(file, exactFile, type) {
    const {embed} = await ours(file, `embed=${SENTENCE}`);
    let fine = true, text = [];
    for (const [at, least] of [[exactFile, CLASSES.exact.cosine],
                               [file, CLASSES[classOf(type)].cosine]].slice(file === exactFile)) {
        const peer = await Peer.open(at);
        const vector = await peer.embed(SENTENCE);
        await peer.close();
        const size = Math.sqrt(vector.reduce((sum, one) => sum + one * one, 0));
        const of = cosine(embed, vector);
        const most = Math.max(...minus(embed, vector.map(one => one / size)).map(Math.abs));
        fine &&= of >= least;
        text.push(`cos ${of.toFixed(6)}, max ${most.toExponential(0)}`);
    }
    return {fine, text: text.join("<br>as is ")};
}

async function cell(family, type, noise) {
    const file = path.join(directory, "as-is.gguf"), exact = path.join(directory, "exact.gguf");
    try {
        await Promise.all([make(family.name, type, file),
                           type === "F32" ? 0 : make(family.name, type, exact, "f32")]);
        const one = family.encoder ? encoder : decoder;
        return await one(file, type === "F32" ? file : exact, type, {family, noise});
    } catch (error) {
        return {fine: false, text: (error.stderr || error.message).trim().split("\n").at(-1)};
    }
}

function report(families, types, cells, noise, seconds) {
    const name = one => cells.get(one)?.text ?? "";
    const lines = [`| | ${types.join(" | ")} |`, `|---|${"---|".repeat(types.length)}`];
    for (const {name: family} of families)
        lines.push(`| ${family} | ${types.map(type => name(`${family} ${type}`)).join(" | ")} |`);
    lines.push("", "| what the peer rounds activations to | logarithms of probabilities move by " +
               "(rms, worst cell) | tolerance of logits |", "|---|---|---|");
    for (const [kind, {rounds, types, logits}] of Object.entries(CLASSES)) {
        const measured = noise.filter(one => one.kind === kind).map(one => one.rms);
        if (measured.length)
            lines.push(`| ${rounds} (${types.join(" ")}) | ` +
                       `${Math.max(...measured).toPrecision(2)} | ${logits} |`);
    }
    const outside = [...cells].filter(([, one]) => !one.fine);
    lines.push("", `${cells.size} cells, ${outside.length} outside, ${seconds.toFixed(0)} s`);
    for (const [key, {text}] of outside) lines.push(`outside: ${key}: ${text}`);
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
const text = report(families, types, cells, noise, (Date.now() - started) / 1000);
process.stdout.write(text);
if (options.out) fs.writeFileSync(options.out, text);
process.exit([...cells.values()].every(one => one.fine) && cells.size ? 0 : 1);
