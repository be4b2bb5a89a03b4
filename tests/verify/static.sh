#!/bin/sh
# The auditor's program is one file that needs nothing, and small.
#   static.sh SEKISHO_VERIFY
set -eu
size=$(stat -c %s "$1")
stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
strip -o "$stripped" "$1"
small=$(stat -c %s "$stripped")
if ! file_says=$(ldd "$1" 2>&1) && echo "$file_says" | grep -q 'not a dynamic executable'; then
    echo "static: $size bytes, $small stripped"
else
    echo "$file_says"
    exit 1
fi
[ "$small" -le 2000000 ] || { echo "more than 2 MB"; exit 1; }
