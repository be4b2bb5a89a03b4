// unhook DIRECTORY: for tests/api. Exit status 0 when there was something to detach.
#include "unhook.h"

int main(int argc, char **argv) {
    return argc == 2 && unhook(argv[1]) > 0 ? 0 : 1;
}
