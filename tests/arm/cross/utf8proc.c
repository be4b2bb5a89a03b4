// utf8proc is not at hand for other architectures: whoever links it here may not call it.
#include <stdlib.h>
#include <utf8proc.h>

utf8proc_category_t utf8proc_category(utf8proc_int32_t codepoint) {
    (void)codepoint;
    abort();
}
utf8proc_int32_t utf8proc_tolower(utf8proc_int32_t codepoint) {
    (void)codepoint;
    abort();
}
utf8proc_int32_t utf8proc_toupper(utf8proc_int32_t codepoint) {
    (void)codepoint;
    abort();
}
utf8proc_ssize_t utf8proc_decompose_char(utf8proc_int32_t codepoint, utf8proc_int32_t *dst,
                                         utf8proc_ssize_t bufsize, utf8proc_option_t options,
                                         int *last_boundclass) {
    (void)codepoint, (void)dst, (void)bufsize, (void)options, (void)last_boundclass;
    abort();
}
utf8proc_ssize_t utf8proc_normalize_utf32(utf8proc_int32_t *buffer, utf8proc_ssize_t length,
                                          utf8proc_option_t options) {
    (void)buffer, (void)length, (void)options;
    abort();
}
