// sekisho-verify: the auditor's program. No network, no model, no node; one static file.
#include <stdio.h>
#include <string.h>

#include "build_id.h"
#include "cli/verify.h"

int main(int argc, char **argv) {
    static const struct verify_ways none = {VERIFY_USAGE("sekisho-verify", "", ""), NULL, NULL};
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("sekisho-verify %s\n", SEKISHO_BUILD);
        return EXIT_DONE;
    }
    int status = verify_run(argc, argv, &none);
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    perror("sekisho-verify: standard output");
    return EXIT_FAILED;
}
