#!/usr/bin/env bash
# beside_spm.sh SEKISHO: learns a vocabulary, then cuts texts it was not learned from with our engine
# (the GGUF file) and with Debian's spm_encode (the .model): every line must give the same ids.
set -euo pipefail
sekisho=$1
data=${SEKISHO_SHARED:-$(dirname "$0")/../../../shared}/data/train
skip() { echo "skip: $1"; [ "${SEKISHO_STRICT:-}" = 1 ] && exit 1; exit 77; }
command -v spm_encode >/dev/null || skip "no spm_encode (package sentencepiece)"
[ -f "$data/tanaka-small-parallel-ja.txt" ] || skip "no $data"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Literature, statutes, a hotel's talk, manuals with code and English: the odd lines are learned
# from, the even ones cut.
{
  for file in aozora-120m japan-laws-30m asdc-accommodation-dialogs; do
    { zstd -dqc "$data/$file.txt.zst" 2>/dev/null || true; } | head -c 1500000 | head -n -1
  done
  for file in rurema-doctree react-ja tanaka-small-parallel-ja; do
    head -c 500000 "$data/$file.txt" | head -n -1
  done
} > "$work/all"
sed -n 1~2p "$work/all" > "$work/learn"
{
  sed -n 2~2p "$work/all"
  printf '%s\n' 'ﾊﾝｶｸｶﾞﾊﾟ Ａｂｃ㍿①ﬁé が ㌔グラム ‥… ｶ゛㈱ 각 각 ﷺ' '<ｔｏｏｌ> <tool> ＜tool＞'
  printf '%s\n' '  二つの  空白　全角' $'tab\ttab' '羴㎡𠮟る①' '<|im_start|>user' '0123 ４５６' '――――――――'
} > "$work/cut"
bytes=$(stat -c %s "$work/cut")
[ "$bytes" -gt 1000000 ] || { echo "only $bytes bytes to cut"; exit 1; }

compare() { # NAME OPTIONS...: trains and compares
  local name=$1
  shift
  "$sekisho" train tokenizer --data "$work/learn" --out "$work/$name.gguf" \
    --spm "$work/$name.model" "$@" > "$work/said"
  spm_encode --model="$work/$name.model" --output_format=id < "$work/cut" > "$work/theirs"
  "$sekisho" tokenize --model "$work/$name.gguf" --no-bos --lines < "$work/cut" |
    sed 's/[][]//g; s/,/ /g' > "$work/ours"
  cmp "$work/theirs" "$work/ours" || { diff "$work/theirs" "$work/ours" | head -6; exit 1; }
  echo "$name: $(wc -l < "$work/ours") lines, $bytes bytes, $(wc -w < "$work/ours") tokens: the same"
}

compare plain --vocabulary 8192
compare symbols --vocabulary 5000 --coverage 0.99 --control '<|im_start|>' --symbol '<tool>' \
  --join-digits
compare nfkc --vocabulary 6000 --nfkc --symbol '<tool>'
compare no_bytes --vocabulary 6000 --no-byte-fallback --piece-max 6
