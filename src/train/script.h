// Script: where a text is cut because no token reaches over: between scripts, before spaces and, if
// that is asked for, around digits. Kanji, hiragana and katakana are one script, as they are to
// SentencePiece: kept apart, or only hiragana from a kanji after it, texts became 1 to 8 % longer.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum script {
    SCRIPT_NONE, // a line break, or the beginning
    SCRIPT_SPACE,
    SCRIPT_COMMON, // punctuation, symbols, whatever belongs to no script
    SCRIPT_DIGIT,
    SCRIPT_JAPANESE,
    SCRIPT_LATIN,
    SCRIPT_OTHERS, // from here on a number for each other script
};

// `before`: of the character before, which marks (Unicode's category M) take over.
unsigned script_of(uint32_t codepoint, unsigned before);

// Whether no token reaches from a character of `before` to one of `after`.
bool script_parts(unsigned before, unsigned after, bool split_digits);
