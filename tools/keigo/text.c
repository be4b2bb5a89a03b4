// General Japanese: the beginnings of sources whose works were shuffled, as large as a short run
// reads, and one part in a hundred beside for validation (text-held.txt).
#include "tool.h"

static const struct general {
    const char *from, *to;
    uint64_t skip, bytes; // as texts
} generals[] = {
    {"aozora-120m.txt.zst", "text-aozora.txt", 0, 24 << 20},
    {"japan-laws-30m.txt.zst", "text-laws.txt", 4 << 20, 2 << 20},
    {"asdc-accommodation-dialogs.txt.zst", "text-asdc.txt", 0, 8 << 20},
    {"tanaka-small-parallel-ja.txt", "text-tanaka.txt", 0, 4 << 20},
    {"rurema-doctree.txt", "text-rurema.txt", 0, 2 << 20},
    {"react-ja.txt", "text-react.txt", 0, 2 << 20},
};

static void copy(struct tool *tool, const struct general *general, FILE *aside) {
    struct lines lines = {0};
    struct view line;
    uint64_t seen = 0, number = 0;
    check(lines_open(&lines, data_path(tool, general->from)));
    FILE *file = out_open(tool, general->to);
    for (;;) {
        check(lines_next(&lines, &line));
        if (!line.len || seen >= general->skip + general->bytes) break;
        seen += line.len;
        if (seen <= general->skip) continue;
        bool apart = !tool->all && number++ / 50 % 100 == 99; // fifty lines together
        fwrite(line.at, 1, line.len, apart ? aside : file);
    }
    lines_close(&lines);
    out_close(file);
}

void make_text(struct tool *tool) {
    FILE *aside = out_open(tool, "text-held.txt");
    for (size_t i = 0; i < sizeof generals / sizeof *generals; i++)
        copy(tool, &generals[i], aside);
    out_close(aside);
}
