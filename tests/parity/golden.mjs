// What the default model is held to by tests/golden, from llama.cpp on its weights as F32:
//
//   run.sh NODE golden.mjs SEKISHO > tests/golden/keigo.tsv
//
// Tokens of texts (of characters that the vocabulary has: others llama.cpp does not spell in
// bytes), and greedy answers. Of these only such are kept in which no step is near a tie: the
// engine rounds to int8 what it multiplies with Q8_0.
import {execFileSync} from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import {Peer} from "./peer.mjs";

const LEAD = 0.25, STEPS = 64;
const TEXTS = ["明日の会議を欠席する。", "先生がいらっしゃいました。", "資料を拝見します。", "3月31日まで、12,345円です。",
    "Hello, world!", "「はい」と言った。", "一行目\n二行目", "  空白  が  ある  ", "あああああああああ", "住民票の写しをお送りください。"];
const ASKED = ["丁寧語にしてください：明日の会議を欠席する。", "丁寧語にしてください：この本を読んだ。",
    "丁寧語にしてください：彼は学生だ。", "丁寧語にしてください：今日は寒いね。", "丁寧語にしてください：駅まで歩いて行く。",
    "普通体にしてください：明日の会議を欠席します。", "普通体にしてください：昨日は雨でした。",
    "普通体にしてください：彼は学生です。", "謙譲語にしてください：私が資料を見ます。",
    "謙譲語にしてください：弟が資料を見ます。", "尊敬語にしてください：先生が資料を見ます。",
    "尊敬語にしてください：社長が来ます。", "敬語のレベルは？：明日の会議を欠席する。",
    "敬語のレベルは？：先生がいらっしゃいました。", "敬語の使い方は正しいですか？：弟が資料を拝見します。",
    "敬語の使い方は正しいですか？：先生が資料を拝見しました。", "こんにちは", "ありがとう", "何ができますか？", "日本の首都はどこですか？"];

const [sekisho] = process.argv.slice(2);
const directory = fs.mkdtempSync(path.join(os.tmpdir(), "sekisho-golden-"));
process.on("exit", () => fs.rmSync(directory, {recursive: true, force: true}));
const source = path.join(import.meta.dirname, "../../models/sekisho-keigo.gguf");
const exact = path.join(directory, "exact.gguf");
execFileSync(sekisho, ["model", "quantize", source, exact, "--type", "F32"]);
const peer = await Peer.open(exact), {bos, eos, shouldPrependBosToken} = peer.model.tokens;
const line = (kind, text, ids) =>
    console.log([kind, text.replaceAll("\n", "\\n").replaceAll("\t", "\\t"), ids.join(" ")].join("\t"));

console.log("# Made by tests/parity/golden.mjs, which says how. By tabs: \"tokens\", text (\\n and \\t\n" +
    "# escaped), ids; or \"answer\", the user's message, ids of the greedy answer.");
for (const text of TEXTS) line("tokens", text, peer.tokenize(text));
for (const text of ASKED) {
    const said = peer.model.tokenize(`<|user|>${text}</s><|assistant|>`, true).map(Number);
    const steps = await peer.greedy(shouldPrependBosToken ? [bos, ...said] : said, STEPS);
    const end = steps.findIndex(({token}) => token === eos);
    if (end >= 0 && steps.slice(0, end + 1).every(({gap}) => gap >= LEAD))
        line("answer", text, steps.slice(0, end).map(({token}) => token));
    else
        console.error(`left out: ${text}`);
}
await peer.close();
process.exit(0);
