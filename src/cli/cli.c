#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int cli_failed(void) {
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, fail_text());
    return EXIT_FAILED;
}

int cli_usage(const char *usage, const char *format, ...) {
    va_list list;
    va_start(list, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, list);
    va_end(list);
    fprintf(stderr, "\n\n%s", usage);
    return EXIT_USAGE;
}

int cli_group(const char *group, const struct cli_command *commands, size_t len, int argc,
              char **argv) {
    const char *word = argc > 1 ? argv[1] : "--help";
    for (size_t i = 0; i < len; i++)
        if (strcmp(word, commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    bool help = strcmp(word, "--help") == 0;
    FILE *to = help ? stdout : stderr;
    if (!help) fprintf(to, "sekisho: no command '%s %s'\n\n", group, word);
    fprintf(to, "usage: sekisho %s COMMAND\n\n", group);
    for (size_t i = 0; i < len; i++)
        fprintf(to, "  %-9s  %s\n", commands[i].name, commands[i].line);
    return help ? EXIT_DONE : EXIT_USAGE;
}

enum sk_code cli_read(const char *path, struct buf *out) {
    char block[4096];
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!file) return FAIL(SK_IO, "%s: %s", path, strerror(errno));
    for (size_t n; !out->over && (n = fread(block, 1, sizeof block, file)) > 0;)
        buf_put(out, block, n);
    bool failed = ferror(file);
    if (file != stdin) fclose(file);
    if (failed) return FAIL(SK_IO, "%s cannot be read", path);
    return buf_check(out, path);
}

void cli_print(struct view text) {
    for (size_t i = 0; i < text.len; i++) putchar(text_shown(text, i));
}

void cli_print_digest(const char *label, const uint8_t digest[HASH_LEN]) {
    char text[2 * HASH_LEN];
    struct buf hex = buf_over(text, sizeof text);
    hex_put(&hex, digest, HASH_LEN);
    printf("%-10s  %.*s\n", label, (int)hex.len, hex.at);
}

bool cli_options(int argc, char **argv, const char *usage, const struct cli_option *options,
                 int *rest) {
    *rest = 0;
    for (int i = 1; i < argc; i++) {
        const struct cli_option *option = options;
        while (option->name && strcmp(option->name, argv[i]) != 0) option++;
        if (!option->name && strncmp(argv[i], "--", 2) != 0) {
            argv[1 + (*rest)++] = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            exit(EXIT_DONE);
        }
        if (!option->name) {
            cli_usage(usage, "no option %s here", argv[i]);
            return false;
        }
        if (option->flag) {
            *option->flag = true;
        } else if (i + 1 < argc) {
            *option->value = argv[++i];
        } else {
            cli_usage(usage, "%s needs a value", argv[i]);
            return false;
        }
    }
    return true;
}

size_t cli_repeated(int *argc, char **argv, const char *name, const char **values, size_t max) {
    size_t len = 0;
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], name) != 0 || i + 1 == *argc) {
            argv[kept++] = argv[i];
            continue;
        }
        i++;
        if (len++ < max) values[len - 1] = argv[i];
    }
    *argc = kept;
    return len;
}

bool cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *out) {
    return decimal_take(view_of(text), out) && *out >= min && *out <= max;
}
