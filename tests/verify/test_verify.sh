#!/bin/sh
# A program that verifies, over what an auditor may be given: exit codes and sentences.
#   test_verify.sh PROGRAM VERIFY_WRITE      PROGRAM: "sekisho verify" or sekisho-verify, in words
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
program=$1
"$2" "$dir/x"
cd "$dir/x"
checks=0
check() { # exit code, text that is told, then words
    want=$1 text=$2
    shift 2
    status=0
    $program "$@" >../out 2>&1 || status=$?
    if [ "$status" != "$want" ] || ! grep -qF -- "$text" ../out; then
        echo "$program $*: exit $status, not $want with '$text'"
        cat ../out
        exit 1
    fi
    checks=$((checks + 1))
}
refuse() { check 3 "rejected: " "$@"; }

# Receipts.
check 0 "verified" receipt.json --key vkey --request request --response answer
check 0 "proven       the answer is the one committed to" receipt.json --key vkey --response answer
check 0 "proven       witnesses saw this checkpoint" receipt.json --policy policy
check 0 "witness      W1, 2026-11-18T11:06:40Z" receipt.json --policy policy
check 0 "no witness saw it, and none was asked for" receipt-alone.json --key vkey
check 0 "what the node stated is true, that this model ran among it" receipt.json --key vkey
check 4 "not enough witnesses: receipt: the quorum is missing" receipt-alone.json --policy policy
check 4 "missing: W3" receipt.json --policy policy-3
check 0 "verified, but cut before the request was closed" receipt-open.json --policy policy
check 3 "REFUTED      the request is the one committed to" receipt.json --key vkey --request answer
check 0 '"verdict":"verified"' receipt.json --policy policy --json
check 4 '"verdict":"quorum_missing"' receipt-alone.json --policy policy --json
check 0 '"quorum":true' receipt.json --policy policy --json
check 0 '"quorum":null' receipt.json --key vkey --json
sed 's/block/send/; s/"index":20/"index":21/' receipt.json >bad
refuse bad --key vkey
sed 's/ university/ universitz/' receipt.json >bad # a witness that nobody knows does not count
check 4 "missing: W2 W3" bad --policy policy
printf '{}' >bad
refuse bad --key vkey

# Proofs.
check 0 "proven       the leaf is in the log" entry.tlog-proof --leaf entry.leaf --policy policy
check 4 "missing: W3" entry.tlog-proof --leaf entry.leaf --policy policy-3
refuse entry.tlog-proof --leaf request --policy policy
check 1 "give --leaf" entry.tlog-proof --policy policy

# Logs.
check 0 "proven       every entry is there and leads to the checkpoint" good --policy policy
check 0 "proven       each key's numbers have no gap, each outcome has its decision" good --key vkey
check 0 "none was given" good --key vkey
check 0 "k2: 1 to 133, 0 missing" good --key vkey
check 4 "not enough witnesses" alone --policy policy
check 0 "proven       every checkpoint seen before is of a first part" grown --key vkey good/checkpoint
check 0 "proven       every checkpoint seen before is" grown --policy policy receipt-alone.json
check 3 "it is forked" forked --policy policy receipt-alone.json
check 3 "it is cut or forked: it has 800 entries" good --key vkey grown/checkpoint
check 3 "it is forked" forked --policy policy good/checkpoint
check 0 "verified" forked --policy policy # alone, nobody can tell
# Witnesses saw less than the log has: of that much the quorum holds.
cp -r grown ahead && cp -r good/tile ahead/ && sed '6,$d' grown/checkpoint >ahead/checkpoint
check 4 "not enough witnesses" ahead --policy policy
cp good/checkpoint ahead/checkpoint.witnessed
more=$(($(sed -n 2p grown/checkpoint) - $(sed -n 2p good/checkpoint)))
check 0 "$more entries more that the log signed" ahead --policy policy
check 0 "\"newer\":$more," ahead --policy policy --json
check 0 '"newer":0,' ahead --key vkey --json
check 4 "missing: W1 W2 W3" ahead --policy policy-3
# Kept since witnesses saw the log: compared with all of it, which they have not seen.
check 0 "proven       every checkpoint seen before is" ahead --policy policy receipt-alone.json
check 4 "not enough witnesses" ahead --policy policy receipt-later.json
check 4 "not enough witnesses" ahead --policy policy grown/checkpoint receipt-alone.json
check 0 "proven       every checkpoint seen before is" ahead --key vkey receipt-later.json
check 3 "it is cut or forked: it has 800 entries" good --policy policy receipt-later.json
cp forked/checkpoint ahead/checkpoint.witnessed
check 3 "rejected: " ahead --policy policy
check 3 "key k1: number 3 is missing" gap --policy policy
check 3 "leaf 16: a second outcome of the decision in leaf 14" twice --policy policy
check 3 '"fault_texts":["key k1: number 3 is missing"]' gap --policy policy --json
rm -rf copy && cp -r good copy && rm -r copy/tile/entries
check 3 "tile/entries/000 is missing" copy --key vkey
check 0 "only hashes were read" copy --key vkey --hashes
printf X | dd of=copy/tile/0/001 bs=1 seek=70 conv=notrunc 2>/dev/null
refuse copy --key vkey --hashes
rm -rf copy && cp -r good copy
printf X | dd of=copy/tile/0/001 bs=1 seek=70 conv=notrunc 2>/dev/null
check 3 "tile/0/001, byte 70 (entry 258)" copy --key vkey
check 3 '"differs":{"kind":"tile","piece":"tile/0/001","byte":70,"entry":258}' copy --key vkey --json
rm -rf copy && cp -r good copy
printf X | dd of=copy/tile/entries/001 bs=1 seek=100 conv=notrunc 2>/dev/null
check 3 "tile/entries/001, byte 0 (entry 256)" copy --key vkey
cp forked/checkpoint copy && cp good/tile/entries/001 copy/tile/entries/001
check 3 "all its pieces agree on another root than its checkpoint" copy --key vkey

# Words.
check 2 "who is believed?" receipt.json
check 2 "not both" receipt.json --key vkey --policy policy
check 2 "what is to be verified?" --key vkey
check 1 "policy" receipt.json --policy request
check 1 "one receipt or proof at a time" receipt.json good/checkpoint --key vkey
check 1 "nowhere" nowhere --key vkey
check 0 "Exit codes: 0 verified" --help
echo "$program: $checks checks"
