#!/bin/sh
# The library as it is installed: its header under strict C and C++, both archives, what they show.
#   test_capi.sh BUILD_DIRECTORY VERIFY_WRITE EXAMPLE_SOURCE
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
prefix=$dir/prefix
cmake --install "$1" --component libsekisho --prefix "$prefix" >/dev/null
"$2" "$dir/x"
PKG_CONFIG_PATH=$prefix/lib/pkgconfig
export PKG_CONFIG_PATH
cflags=$(pkg-config --cflags sekisho)
libs=$(pkg-config --libs sekisho)
private=$(pkg-config --static --libs-only-l sekisho | sed 's/-lsekisho//')
strict="-Wall -Wextra -Wpedantic -Werror"
cc -std=c99 $strict -Wstrict-prototypes $cflags "$3" -o "$dir/c" $libs
c++ -std=c++17 -x c++ $strict $cflags -c "$3" -o "$dir/cpp.o"
c++ "$dir/cpp.o" -o "$dir/cpp" $libs
cc -std=c17 $strict $cflags "$3" -o "$dir/static" "$prefix/lib/libsekisho.a" $private
cd "$dir/x"
for program in c cpp static; do
    run="env LD_LIBRARY_PATH=$prefix/lib $dir/$program"
    for row in "0 policy receipt.json good" "4 policy-3 receipt.json good" \
        "4 policy receipt-alone.json good" "3 policy receipt.json gap" \
        "0 policy receipt.json grown good/checkpoint" "3 policy receipt.json forked good/checkpoint" \
        "3 policy entry.leaf good" "3 policy receipt.json nowhere"; do
        set -- $row
        status=0
        $run "$2" "$3" answer "$4" ${5:+"$5"} >../out || status=$?
        if [ "$status" != "$1" ]; then
            echo "$program $row: exit $status"
            cat ../out
            exit 1
        fi
    done
done
# Nothing but the public names.
shown=$(nm -D --defined-only "$prefix/lib/libsekisho.so" | grep -v ' A ' | sed 's/.* //; s/@.*//' | sort)
declared=$(grep '^SK_API' "$prefix/include/sekisho.h" | grep -o 'sk_[a-z_]*(' | tr -d '(' | sort -u)
archived=$(nm -g --defined-only "$prefix/lib/libsekisho.a" | grep -o 'sk_.*' | sort)
[ "$shown" = "$declared" ] || { echo "shown: $shown"; exit 1; }
[ "$archived" = "$declared" ] || { echo "archived: $archived"; exit 1; }
[ "$(nm -g --defined-only "$prefix/lib/libsekisho.a" | grep -c ' [TDBRCV] ')" = "$(echo "$declared" | wc -l)" ]
if ldd "$prefix/lib/libsekisho.so" | grep -vE 'libsodium|libc\.so|linux-vdso|ld-linux|libpthread'; then
    echo "libsekisho.so needs more than libsodium"
    exit 1
fi
echo "$(echo "$declared" | wc -l) public functions, C99, C++17 and static: same verdicts"
