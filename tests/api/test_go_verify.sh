#!/bin/sh
# Go's own note and tlog packages accept our receipts and log, and refuse each one changed.
#   test_go_verify.sh LEDGER_WRITE SOURCE_DIRECTORY
set -eu
write=$1
source=$2
gopath=/usr/share/gocode
if ! command -v go >/dev/null || [ ! -d "$gopath/src/golang.org/x/mod/sumdb/tlog" ]; then
    echo "skip: no go with golang.org/x/mod (golang-go, golang-golang-x-mod-dev)"
    [ "${SEKISHO_STRICT:-}" = 1 ] && exit 1
    exit 77
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
GO111MODULE=off GOPATH=$gopath GOPROXY=off GOFLAGS='' GOCACHE=$dir/cache \
    go build -o "$dir/verify" "$source/verify.go"
mkdir "$dir/log"
"$write" "$dir/log"
cd "$dir/log"
vkey=$(cat vkey)
"$dir/verify" "$vkey" receipt-*.json
"$dir/verify" -log "$vkey" checkpoint leaves
set -- receipt-*.json
echo "$# receipts and a log of $(wc -l <leaves) leaves verified by Go"

refuse() { # what, then the command that must fail
    what=$1
    shift
    if "$@" 2>/dev/null; then
        echo "accepted: $what"
        exit 1
    fi
}
changes=0
change() { # file, sed expression
    sed "$2" "$1" >changed
    if cmp -s "$1" changed; then
        echo "no change: $2"
        exit 1
    fi
    changes=$((changes + 1))
}
for edit in 's/"n\\":12/"n\\":13/' 's/"index":23/"index":24/' 's/\\n25\\n/\\n26\\n/' \
    's/"type\\":\\"close/"type\\":\\"Close/' 's/"proof":\["./"proof":["~/'; do
    change receipt-12.json "$edit"
    refuse "receipt with $edit" "$dir/verify" "$vkey" changed
done
size=$(wc -c <receipt-3.json)
at=1
salts=$(grep -bo '"salts"' receipt-3.json | cut -d: -f1)
# A changed byte before the salts. Not the last digit of a base64 text: Go ignores its pad bits.
while [ $at -lt "$salts" ] && [ $at -lt "$size" ]; do
    head -c $at receipt-3.json >changed
    byte=$(tail -c +$((at + 1)) receipt-3.json | head -c 1)
    next=$(tail -c +$((at + 2)) receipt-3.json | head -c 1)
    case $byte in 7) new=8 ;; *) new=7 ;; esac
    case $byte$next in
    ?=) ;;
    [A-Za-z0-9]*)
        printf %s $new >>changed
        tail -c +$((at + 2)) receipt-3.json >>changed
        refuse "receipt with byte $at changed" "$dir/verify" "$vkey" changed
        changes=$((changes + 1))
        ;;
    esac
    at=$((at + 13))
done
change leaves '7s/key/Key/'
refuse "log with a leaf changed" "$dir/verify" -log "$vkey" checkpoint changed
change leaves '75d'
refuse "log with a leaf cut" "$dir/verify" -log "$vkey" checkpoint changed
change vkey 's/test+/tent+/'
refuse "another key" "$dir/verify" "$(cat changed)" receipt-0.json
echo "$changes changes refused by Go"
