#!/bin/sh
# A year of simulated traffic, audited: the counts beside a plain recount, a removed request named by
# key and number, a changed entry named, in a log directory and in its export.
#   test_audit.sh SEKISHO YEAR        SEKISHO_AUDIT_REQUESTS: requests of the year (two leaves each)
set -eu
sekisho=$1 year=$2 requests=${SEKISHO_AUDIT_REQUESTS:-12000}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
fail() { echo "audit: $*"; exit 1; }
audit() { # exit code, then words
    want=$1 status=0
    shift
    "$sekisho" audit "$@" >out 2>err || status=$?
    [ "$status" = "$want" ] || { cat out err | tail -40; fail "$*: exit $status, not $want"; }
}
told() { grep -qF -- "$1" "${2:-out}" || { head -c 4000 out; cat err; fail "not told: $1"; }; }
body() { tail -n +2 out | tr -d '\r' | LC_ALL=C sort; }
of_september="--key vkey --from 2026-09-01 --to 2026-09-30 --left"

"$year" whole "$requests"
cd whole
"$sekisho" ledger export export --ledger log --key vkey >/dev/null
LC_ALL=C sort cells >want-cells
LC_ALL=C sort rows >want-rows
for log in log export .; do # "." is a data directory here
    [ "$log" = . ] && mv log ledger
    audit 0 $log $of_september --format csv
    body | cmp - want-cells || fail "$log: other counts"
done
mv ledger log
audit 0 export $of_september --format csv --rows
body | cut -d, -f3,4 | LC_ALL=C sort | cmp - want-rows || fail "other requests"
audit 0 log $of_september
told "$(wc -l <rows | tr -d ' ') requests counted (only these)"
told "proven       the log goes on after the period"
told "proven       each key's numbers have no gap, each outcome has its decision"
told "not proven   each request was at the time that is stated"
audit 0 export --key vkey --format json
told "\"requests\":$requests,"
told '"verdict":"verified"'
audit 0 export $of_september --format json --rows
told '"id":"period","state":"proven"'
# A day of Japan begins nine hours earlier, and the two halves of a year are the year.
audit 0 export --key vkey --zone +09:00 --from 2026-09-01 --to 2026-09-01 --rows --format csv
tail -n +2 out | cut -d, -f2 | grep -vq '^2026-09-01T.*+09:00$' && fail "another day"
first=$("$sekisho" audit export --key vkey --to 2026-06-30 --rows --format csv | tail -n +2 | wc -l)
second=$("$sekisho" audit export --key vkey --from 2026-07-01 --rows --format csv | tail -n +2 | wc -l)
[ $((first + second)) = "$requests" ] || fail "$first + $second are not $requests"
audit 0 export $of_september --format html --rows --out page.html
for text in "<h2>By class and place" 検証できた "台帳は期間の後も続いている"; do told "$text" page.html; done
grep -qiE '<script|src=|href=|url\(|@import' page.html && fail "the page is not alone"
audit 2 export --key vkey --from 2026-09-31
audit 2 export --key vkey --from 2026-09-02 --to 2026-09-01
audit 1 nowhere --key vkey

# One byte of one entry.
cp -r export changed
printf X | dd of=changed/tile/entries/003 bs=1 seek=20 conv=notrunc status=none
for form in table json html; do
    audit 3 changed $of_september --format $form
    told "tile/entries/003, byte 0 (entry 768): this entry is not the one that was logged"
done
audit 3 changed $of_september --format csv
[ -s out ] && fail "counts of a log that is not proven"
told "entry 768" err
cp -r log torn
printf X | dd of=torn/log.000000 bs=1 seek=20000 conv=notrunc status=none
audit 3 torn $of_september
told "at leaf"

# One request left out, and the log signed by its owner as if there had been none.
"$year" ../less "$requests" $((requests * 2 / 3 + 100))
cd ../less
"$sekisho" ledger export export --ledger log --key vkey >/dev/null
for log in log export; do
    for form in table json html; do
        audit 3 $log $of_september --format $form
        told "$(cat removed)"
    done
done
echo "audit: $requests requests, $(wc -l <../whole/rows) left in September, $(cat removed)"
