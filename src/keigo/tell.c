// The reason for a verdict of direction, in Japanese.
#include "keigo/keigo.h"

// F the form, W who is named; the first row that fits counts.
static const struct reason {
    enum keigo_fit fit;
    enum keigo_because because;
    enum keigo_style kind;  // KEIGO_STYLES: any
    enum keigo_actor actor; // KEIGO_ACTOR_NONE: any
    const char *text;
} reasons[] = {
    {KEIGO_MISFITS, KEIGO_NAMED, KEIGO_HUMBLE, KEIGO_ACTOR_NONE,
     "「F」は謙譲語ですが、「W」の動作です。尊敬語を使います。"},
    {KEIGO_MISFITS, KEIGO_NAMED, KEIGO_HONORIFIC, KEIGO_ACTOR_OWN,
     "「F」は尊敬語ですが、「W」は自分の側です。謙譲語を使います。"},
    {KEIGO_MISFITS, KEIGO_NAMED, KEIGO_HONORIFIC, KEIGO_ACTOR_UNRAISED,
     "「F」は尊敬語ですが、「W」は高める相手ではありません。"},
    {KEIGO_MISFITS, KEIGO_NAMED, KEIGO_HONORIFIC, KEIGO_ACTOR_NONE,
     "「F」の主語は恩恵を受ける側ですが、「W」の動作です。「くださる」を使います。"},
    {KEIGO_MISFITS, KEIGO_ASKED, KEIGO_STYLES, KEIGO_ACTOR_NONE,
     "「F」は謙譲語ですが、尋ね、確かめるのは相手の動作です。尊敬語を使います。"},
    {KEIGO_MISFITS, KEIGO_BEGGED, KEIGO_STYLES, KEIGO_ACTOR_NONE,
     "「F」は謙譲語ですが、頼むのは相手の動作です。尊敬語を使います。"},
    {KEIGO_MISFITS, KEIGO_MEANT, KEIGO_STYLES, KEIGO_ACTOR_NONE,
     "「F」は尊敬語ですが、話し手の意志による動作です。謙譲語を使います。"},
    {KEIGO_MISFITS, KEIGO_MIXED, KEIGO_STYLES, KEIGO_ACTOR_NONE,
     "「F」は謙譲語を尊敬の形にしたものです。尊敬語を使います。"},
    {KEIGO_MISFITS, KEIGO_TOWARDS_OWN, KEIGO_STYLES, KEIGO_ACTOR_NONE,
     "「F」は動作の向かう先を高める謙譲語ですが、「W」は高める相手ではありません。"},
    {KEIGO_MISFITS, KEIGO_TOWARDS_NOBODY, KEIGO_STYLES, KEIGO_ACTOR_NONE,
     "「F」は謙譲語の形ですが、高める相手に向かう動作ではありません。尊敬語を使います。"},
    {KEIGO_FITS, KEIGO_NAMED, KEIGO_HUMBLE, KEIGO_ACTOR_NONE,
     "「F」は謙譲語で、「W」の動作に合っています。"},
    {KEIGO_FITS, KEIGO_NAMED, KEIGO_HONORIFIC, KEIGO_ACTOR_NONE,
     "「F」は尊敬語で、「W」の動作に合っています。"},
    {KEIGO_FITS, KEIGO_BEGGED, KEIGO_HUMBLE, KEIGO_ACTOR_NONE,
     "「F」は謙譲語で、「W」への敬意と読めます。"},
    {KEIGO_FITS, KEIGO_STATED, KEIGO_HONORIFIC, KEIGO_ACTOR_NONE,
     "「F」は尊敬語で、主語はありませんが、敬う人の動作と読めます。"},
    {KEIGO_FITS, KEIGO_STATED, KEIGO_HUMBLE, KEIGO_ACTOR_NONE,
     "「F」は謙譲語で、主語はありませんが、話し手の側の動作と読めます。"},
    {KEIGO_FITS, KEIGO_ASKED, KEIGO_HUMBLE, KEIGO_ACTOR_NONE,
     "「F」は謙譲語で、話し手の側の動作についての質問と読めます。"},
    {KEIGO_FITS, KEIGO_MEANT, KEIGO_HUMBLE, KEIGO_ACTOR_NONE,
     "「F」は謙譲語で、話し手の動作に合っています。"},
};
static const char other[] = "「F」は尊敬語で、相手の動作に合っています。";

static const char *reason_find(const struct keigo_direction *d) {
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].fit == d->fit && reasons[i].because == d->because &&
            (reasons[i].kind == KEIGO_STYLES || reasons[i].kind == d->kind) &&
            (reasons[i].actor == KEIGO_ACTOR_NONE || reasons[i].actor == d->actor))
            return reasons[i].text;
    return other;
}

void keigo_direction_tell(const struct keigo_direction *d, struct view text, struct buf *out) {
    must(d->form_from + d->form_len <= text.len && d->who_from + d->who_len <= text.len);
    if (d->fit == KEIGO_UNMARKED) {
        buf_put_text(out, "尊敬語も謙譲語も見当たりません。");
        return;
    }
    for (const char *c = reason_find(d); *c; c++) {
        if (*c == 'F')
            buf_put(out, text.at + d->form_from, d->form_len);
        else if (*c == 'W')
            buf_put(out, text.at + d->who_from, d->who_len);
        else
            buf_put_char(out, *c);
    }
    if (d->doubled) buf_put_text(out, "二重敬語です（向きの誤りではありません）。");
}
