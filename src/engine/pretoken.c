#include "engine/pretoken.h"

#include <string.h>

#define ENDING "'[sSdDmMtT]|'[lL][lL]|'[vV][eE]|'[rR][eE]" // of English words, in any case
#define SPACES "\\s+(?!\\S)|\\s+"
#define LINES "\\s*[\\r\\n]+|" SPACES
#define SYMBOLS " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
#define PATHS " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|"
#define BEFORE "[^\\r\\n\\p{L}\\p{N}]?" // one character that may come before a word
#define WORD BEFORE "\\p{L}+|"
#define MARKED BEFORE "[\\p{L}\\p{M}]+"
#define SIGNED "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|"
// Words of capitals, then small letters; letters of scripts without case count as both.
#define CASED(letters, after)                                                                      \
    BEFORE "[" letters "--a-z]*[" letters "--A-Z]+" after "|"                                      \
    BEFORE "[" letters "--a-z]+[" letters "--A-Z]*" after "|"

#define GPT2 "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|" SPACES
#define LLAMA3 ENDING "|" WORD "\\p{N}{1,3}|" SYMBOLS LINES
#define QWEN2 ENDING "|" WORD "\\p{N}|" SYMBOLS LINES
#define QWEN35 ENDING "|" MARKED "|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" LINES
#define SEED ENDING "|" WORD "\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" LINES
#define BAILING ENDING "|" WORD "\\p{N}|" SYMBOLS "\\s*[\\r\\n]|" SPACES
#define MINICPM ENDING "|" WORD "\\p{N}+|" SYMBOLS LINES
#define KIMI                                                                                       \
    "\\p{Han}+|" BEFORE "[\\p{L}--\\p{Han}]+(?:" ENDING ")?|\\p{N}{1,3}|" SYMBOLS LINES
#define RUNS_OF(count) "\\s{" #count "}(?!\\S)|"
#define JAIS2                                                                                      \
    ENDING "|" WORD "\\p{N}{1,3}|" SYMBOLS "\\s*[\\r\\n]+|" RUNS_OF(512) RUNS_OF(256)              \
        RUNS_OF(128) RUNS_OF(64) RUNS_OF(32) RUNS_OF(16) RUNS_OF(8) RUNS_OF(4) "\\s{1,2}(?!\\S)|\\s"
#define TEKKEN CASED("\\p{L}", "") "\\p{N}|" PATHS LINES
#define GPT4O CASED("\\p{L}", "(?:" ENDING ")?") "\\p{N}{1,3}|" PATHS LINES
#define GRANITE CASED("\\p{L}\\p{M}", "(?:" ENDING ")?") "\\p{N}{1,3}|" PATHS LINES
#define AYA MARKED "(?:" ENDING ")?|\\p{N}{1,3}|" PATHS LINES
#define YOUTU MARKED "(?:" ENDING ")?|\\p{N}|" PATHS LINES
#define DEEPSEEK3 SIGNED DEEPSEEK_WORD "[\\r\\n]*|" LINES
#define DEEPSEEK_WORD "[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+"
#define BLOOM " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"
#define KANJI_KANA "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
#define IDEOGRAPHS "[\u0800-\u9fa5\uac00-\ud7ff]+"
#define ROWS_OF_LINES "[^\\n]+|[\\n]+"

// Letters of scripts with two cases, as DeepSeek LLM's tokenizer lists them.
#define DEEPSEEK_LETTERS \
    "A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-" \
    "\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-" \
    "\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5" \
    "\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00" \
    "-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-" \
    "\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-" \
    "\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-" \
    "\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149" \
    "\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d" \
    "\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13" \
    "-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3" \
    "\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df" \
    "\U0001e900-\U0001e943"

enum { WHOLE = 1, BOS = 2, PLAIN = 4, BREAKS = 8, THREES = 16 };

static const struct row {
    const char *names; // each between spaces
    const char *expressions[PATTERN_MAX];
    unsigned flags;
} rows[] = {
    {" default ", {"[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}, 0},
    {" gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de jina-v1-en jina-v2-code roberta-bpe"
     " gigachat a.x-4.0 mellum modern-bert mpt olmo jais trillion granite-docling exaone4 ",
     {GPT2},
     0},
    {" starcoder refact command-r smollm codeshell exaone minerva-7b mellum2 ",
     {"\\p{N}", GPT2},
     0},
    {" llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano ",
     {LLAMA3},
     WHOLE | BOS},
    {" dbrx smaug-bpe glm4 chatglm-bpe ", {LLAMA3}, 0},
    {" qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2 ",
     {QWEN2},
     0},
    {" qwen35 ", {QWEN35}, 0},
    {" ufakzeka ", {WORD "\\p{N}|" SYMBOLS LINES}, 0},
    {" laguna ", {ROWS_OF_LINES, QWEN2}, 0},
    {" seed-coder ", {SEED}, 0},
    {" bailingmoe bailingmoe2 llada-moe ", {BAILING}, 0},
    {" minicpm5 ", {"\\p{N}{1,3}", MINICPM}, WHOLE},
    {" jais-2 ", {JAIS2}, 0},
    {" falcon ", {"[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"}, 0},
    {" deepseek-llm ",
     {"[\\r\\n]", "\\s?[" DEEPSEEK_LETTERS "]+",
      "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+", "\\s+$", IDEOGRAPHS,
      "\\p{N}+"},
     0},
    {" deepseek-coder ",
     {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", IDEOGRAPHS, "\\p{N}"},
     0},
    {" deepseek-v3 hunyuan-dense hy_v4 joyai-llm ", {"\\p{N}{1,3}", KANJI_KANA, DEEPSEEK3}, 0},
    {" spark2_5 ",
     {"\\p{N}{1,3}", KANJI_KANA, SIGNED DEEPSEEK_WORD "|[\\r\\n]|" SPACES, "\\p{N}"},
     0},
    {" youtu ",
     {"[\uac00-\ud7a3\u3131-\u318e]+|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c"
      "\u3001-\u303f\ufe30-\ufe4f]+|[\u3105-\u312f]+|" KANJI_KANA,
      YOUTU},
     WHOLE},
    {" afmoe ",
     {"[\u4e00-\u9fff\u3400-\u4dbf\u8c48-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf"
      "\u0e40-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af"
      "\u1100-\u11ff]+",
      DEEPSEEK3},
     THREES},
    {" tiny_aya cohere2moe ", {AYA}, THREES},
    {" bloom poro-chat gpt3-finnish ", {BLOOM}, 0},
    {" viking ", {BLOOM, "\\p{N}"}, 0},
    {" tekken ", {TEKKEN}, WHOLE | BOS},
    {" gpt-4o llama4 kanana2 talkie minimax-m2 ", {GPT4O}, 0},
    {" granite-embed-multi-97m ", {GRANITE}, WHOLE},
    {" kimi-k2 ", {KIMI}, 0},
    {" chameleon ",
     {"<sentinel:[0-9]+>", "IMGIMG[A-I]{1,4}Z", "[\\t\\n]|    |  ", "\\p{N}",
      "[\\p{P}!-/:-@\\[-`{-~]", GPT2},
     BOS},
    {" gemma4 granite-embed-multi-311m ", {ROWS_OF_LINES}, PLAIN | BREAKS | BOS},
    {" sarvam-moe ", {ROWS_OF_LINES}, PLAIN},
};

static const struct row *find_row(struct view name) {
    char wanted[64];
    if (name.len == 0 || name.len > sizeof wanted - 2) return NULL;
    if (memchr(name.at, ' ', name.len)) return NULL;
    wanted[0] = ' ';
    memcpy(wanted + 1, name.at, name.len);
    wanted[name.len + 1] = ' ';
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (memmem(rows[i].names, strlen(rows[i].names), wanted, name.len + 2)) return &rows[i];
    return NULL;
}

enum sk_code pretoken_read(struct pretoken *pretoken, struct view name) {
    const struct row *row = find_row(name);
    if (!row)
        return FAIL(SK_UNSUPPORTED, "key tokenizer.ggml.pre: \"%.*s\" is not known to this build",
                    (int)(name.len < 64 ? name.len : 64), name.at);
    *pretoken = (struct pretoken){.whole_words = row->flags & WHOLE,
                                  .add_bos = row->flags & BOS,
                                  .plain = row->flags & PLAIN,
                                  .whole_breaks = row->flags & BREAKS,
                                  .threes = row->flags & THREES};
    for (size_t i = 0; i < PATTERN_MAX && row->expressions[i]; i++)
        pattern_add(&pretoken->pattern, row->expressions[i]);
    pattern_end(&pretoken->pattern);
    return SK_OK;
}

// A run of numbers is cut into threes from its end; what comes before it stays with the first.
static void cut_threes(struct pattern_char *chars, size_t len) {
    for (size_t at = 0, end; at < len; at = end + 1) {
        for (end = at; end < len && unicode_kind(chars[end].codepoint) == UNICODE_NUMBER;) end++;
        if (end > at && end < len) chars[end].classes |= PATTERN_BEGINS;
        for (size_t cut = end; cut > at + 3;) chars[cut -= 3].classes |= PATTERN_BEGINS;
    }
}

uint64_t pretoken_cut(const struct pretoken *pretoken, struct pattern_char *chars, size_t len) {
    if (pretoken->threes) cut_threes(chars, len);
    return pattern_cut(&pretoken->pattern, chars, len);
}
