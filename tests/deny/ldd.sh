#!/bin/sh
# ldd.sh [--direct] ROOM [LIBRARY…]: a room links libc, libseccomp and the libraries named, nothing
# else that could carry text away. --direct: what those libraries link is theirs.
set -eu
direct=no
if [ "$1" = --direct ]; then
    direct=yes
    shift
fi
room=$1
shift
linked() {
    if [ $direct = yes ]; then
        objdump -p "$room" | awk '$1 == "NEEDED" {print $2}'
    else
        ldd "$room" | awk '{print $1}' | sed 's|.*/||'
    fi
}
allowed=$(printf '%s|' c seccomp "$@")
strange=$(linked | grep -Ev "^(linux-vdso|ld-linux-[a-z0-9-]+|lib(${allowed%|}))\.so\.[0-9]+$" || true)
# A sanitizer's runtime brings its own.
if nm -D "$room" 2>/dev/null | grep -Eq '__(asan|tsan|msan)_init'; then
    echo "skip: sanitizer build"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
if [ -n "$strange" ]; then
    echo "FAILED: $room links" $strange
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
linked
echo "1 passed, 0 failed, 0 skipped"
