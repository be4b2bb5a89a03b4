// Texts for comparing tokenizers: a seeded stream of byte strings as people, programs and attackers
// write them. None holds a NUL (they are passed ended by one), none is over 64 KB.
//
//   texts.mjs SEED COUNT [special…] > texts, each ended by NUL
import {fileURLToPath} from "node:url";

export function chance(seed) { // mulberry32
    let state = seed >>> 0;
    const next = () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let t = Math.imul(state ^ state >>> 15, 1 | state);
        t = (t + Math.imul(t ^ t >>> 7, 61 | t)) ^ t;
        return (t ^ t >>> 14) >>> 0;
    };
    const below = n => next() % n;
    return {below, pick: list => list[below(list.length)]};
}

const WORDS = ("the The THE of and ing I'm you're it's IT'S don't We'VE they'll o'clock s t " +
    "hello Hello world HelloWorld helloWORLD camelCase snake_case kebab-case XMLHttpRequest " +
    "résumé naïve Straße İstanbul ÉCOLE Ｆｕｌｌ ﬁnance ½ № ™ ǅ ſ K Å ẞ ɐ Ⱥ").split(" ");
const JAPANESE = [
    "東京", "の", "は", "です", "ます", "日本語", "トークン", "ﾊﾝｶｸ", "ガギグ", "が", "株式会社", "、", "。", "「", "」",
    "・", "ー", "〜", "々", "〆", "㈱", "①", "令和7年", "三〇〇円", "こんにちは世界", "吾輩は猫である", "\u3000", "ｶﾞ",
    "𠮷野家", "葛󠄀城", "漢", "한국어", "가나다", "各", "中文字符",
];
const EMOJI = [
    "😀", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇯🇵", "1️⃣", "❤️", "🧑🏿‍💻", "🫠", "☺︎",
];
const MARKS = [
    "é", "ñ", "ö̲", "q̣̇", "Z̸̡͖a̶l̵g̷o̴", "ক্ষি", "हिन्दी", "ไทยก็", "עִבְרִית", "العَرَبِيَّة",
    "Việt", "ซ้ำ", "နို", "ខ្មែរ",
];
const OTHER = [
    "Ελληνικά", "Русский", "ქართული", "Հայերեն", "ᏣᎳᎩ", "አማርኛ", "বাংলা", "தமிழ்", "١٢٣", "१२३",
    "Ⅷ", "𝔘𝔫𝔦", "𐍈", "ꙮ", "\u0378", "\u{2ebf0}", "\u{e000}", "\u{10ffff}",
];
const SPACES = [
    " ", "  ", "   ", "    ", "\t", "\t\t", "\n", "\n\n", "\r\n", " \n", "\n ", "\u00a0",
    "\u2003", "\u200b", "\u2028", "\u0085", "\u3000", "\u1680", "\u202f", "\v", "\f", "\ufeff",
    "\u001c", "\u180e",
];
const CODE = [
    "int main(void) {\n\treturn 0;\n}\n", "for (size_t i = 0; i < n; i++)",
    "def f(x):\n    return x**2\n", "#include <stdio.h>", "a->b[c] += ~d & 0xFF;",
    "<div class=\"x\">&amp;</div>", "SELECT * FROM t WHERE a='b';", "{\"a\": [1, 2.5e-3, null]}",
    "```c\n", "// -----", "$HOME/${x}", "https://a.example/b?c=d&e=%20#f", "x\\n\\t", "|---|",
    "===", "!?!?", "@@ -1,7 +1,7 @@",
];
const NUMBERS = [
    "0", "7", "42", "123", "1234", "12345", "123456789", "3.14", "1,000,000", "-5", "2026-11-22",
    "1e10", "0x1F", "٣٤٥٦", "１２３４", "²³",
];
const SIGNS = [
    ..."!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "…", "—", "“", "”", "‘", "’", "«", "»", "！", "？",
    "：", "（", "）", "€", "¥", "§", "±", "→", "∑", "█", "�",
];
const MARKUP = [
    "<s>", "</s>", "<unk>", "<pad>", "[CLS]", "[SEP]", "[UNK]", "<|endoftext|>", "<|im_start|>",
    "<|im_end|>", "<0x0A>", "▁", "▁▁", "<sentinel:12>", "IMGIMGABCZ", "<|", "|>", "[INST]",
    "<mask>", "[MASK]",
];
const WRONG = [
    [0xff], [0xfe], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0x80], [0xbf, 0xbf], [0xe3, 0x81],
    [0xf0, 0x9f, 0x98], [0xc3], [0xe3], [0xf0], [0xf8, 0x88, 0x80, 0x80], [0xe0, 0x80, 0x8a],
    [0xc3, 0x28], [0xe3, 0x28, 0x81],
];

const lists = [WORDS, WORDS, JAPANESE, JAPANESE, EMOJI, MARKS, OTHER, SPACES, SPACES, CODE,
    NUMBERS, SIGNS];
const bytes = text => typeof text === "string" ? Buffer.from(text) : Buffer.from(text);

// Any character that is assigned or not, surrogates and NUL aside.
function anyCharacter(random) {
    const limit = random.pick([0x80, 0x250, 0x3000, 0xa000, 0x10000, 0x110000]);
    const code = 1 + random.below(limit - 1);
    return String.fromCodePoint(code >= 0xd800 && code < 0xe000 ? 0x3042 : code);
}

// Up to `most` of what `one` makes, `least` at the least.
const some = (random, most, one, least = 0) =>
    Array.from({length: least + random.below(most - least)}, () => one()).flat();
const forms = [
    random => some(random, 24, () => random.pick(random.pick(lists))),
    random => some(random, 16, () => [random.pick(random.pick(lists)),
                                      random.pick([" ", " ", "", "\n"])]),
    random => some(random, 20, () => random.pick(JAPANESE)),
    random => some(random, 10, () => random.pick(CODE)),
    random => some(random, 40, () => anyCharacter(random)),
    random => some(random, 12, () => [random.pick(SPACES).repeat(1 + random.below(9)),
                                      random.pick([...WORDS, ...NUMBERS, ...SIGNS, ""])]),
    random => some(random, 10, () => random.pick(random.pick([EMOJI, MARKS, OTHER]))),
    random => some(random, 5, () =>
        random.pick([...SIGNS, ...NUMBERS, ...WORDS]).repeat(1 + random.below(30)), 1),
    random => some(random, 16, () =>
        random.pick([...SIGNS, ...SIGNS, ...NUMBERS, " ", "a", "A"])),
];
const bad = random => bytes(random.pick(random.pick([WRONG, WRONG, WORDS, JAPANESE, SPACES])));
const wrong = [
    random => some(random, 17, () => [bad(random)], 1),
    random => [Array.from({length: 1 + random.below(40)}, () => 1 + random.below(255))],
];

// `count` texts. `specials`: strings that the vocabulary has a special token for, mixed in.
// `utf8`: nothing that is not.
export function texts(seed, count, {specials = [], utf8 = false} = {}) {
    const random = chance(seed);
    const known = specials.length ? specials : MARKUP;
    const markup = random => some(random, 11, () =>
        random.pick(random.pick([known, MARKUP, WORDS, SPACES])), 1);
    const all = [...forms, markup, ...(utf8 ? [] : wrong)];
    return Array.from({length: count}, (_, i) =>
        Buffer.concat(all[i % all.length](random).map(bytes)).filter(byte => byte !== 0));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const [seed, count, ...specials] = process.argv.slice(2);
    for (const text of texts(Number(seed), Number(count), {specials}))
        process.stdout.write(Buffer.concat([text, Buffer.from([0])]));
}
