#!/bin/sh
# ldd.sh ENGINE: the room that runs the model links nothing that could carry text away.
set -eu
engine=$1
strange=$(ldd "$engine" | awk '{print $1}' | sed 's|.*/||' |
    grep -Ev '^(linux-vdso|libc|libm|libpthread|libseccomp|libutf8proc|ld-linux-[a-z0-9-]+)\.so\.[0-9]+$' || true)
# A sanitizer's runtime brings its own.
if nm -D "$engine" 2>/dev/null | grep -Eq '__(asan|tsan|msan)_init'; then
    echo "skip: sanitizer build"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
fi
if [ -n "$strange" ]; then
    echo "FAILED: $engine links" $strange
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
ldd "$engine"
echo "1 passed, 0 failed, 0 skipped"
