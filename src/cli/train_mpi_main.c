// sekisho-train-mpi: `sekisho train` on several machines, one process each, over MPI. No room and
// no other program of ours links MPI.
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "build_id.h"
#include "cli/train_cli.h"
#include "ring/ring.h"

static const char usage[] =
    "usage: mpirun -n RANKS sekisho-train-mpi [options] RECIPE.yaml\n\n"
    "Trains as `sekisho train` does, with its options; every process takes its share of the rows\n"
    "of each step (docs/training.md, \"Several machines\"). All must see the same files.\n";

static void print_use(const struct ring *ring) {
    struct ring_use use = ring_use(ring);
    fprintf(stderr, "gradients: %.1f MB summed in %.2f s, %.2f s of them waited for\n",
            (double)use.bytes / 1e6, use.carried_s, use.waited_s);
}

int main(int argc, char **argv) {
    struct ring *ring;
    setlocale(LC_CTYPE, "C.UTF-8"); // as sekisho: a recipe's expressions match characters
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return printf("sekisho-train-mpi %s\n", SEKISHO_BUILD) > 0 ? EXIT_DONE : EXIT_FAILED;
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        fputs(usage, argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : EXIT_DONE;
    }
    if (ring_open(&ring) != SK_OK) {
        cli_failed();
        ring_abort();
    }
    const struct run_group *group = ring_group(ring);
    int status = train_command(argc, argv, group);
    if (fflush(stdout) != 0 && status == EXIT_DONE) {
        perror("sekisho-train-mpi: standard output");
        status = EXIT_FAILED;
    }
    // The others wait for this one: they are not left alone.
    if (status == EXIT_FAILED) ring_abort();
    if (status == EXIT_DONE && group->rank == 0) print_use(ring);
    ring_close(ring);
    return status;
}
