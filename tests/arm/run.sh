#!/usr/bin/env bash
# run.sh CROSS BUILD UNIT [LAUNCHER]: compiles the engine for 64-bit ARM in BUILD, runs the tests of its
# arithmetic there on a CPU with dot products and on one without, and compares their results with
# those of the programs in UNIT, this machine's. A counted skip without compiler or emulator.
set -euo pipefail
cross=$1 build=$2 unit=$3 launcher=${4:-}
if ! command -v aarch64-linux-gnu-gcc >/dev/null || ! command -v qemu-aarch64 >/dev/null; then
  echo "skip: no cross compiler or emulator (gcc-aarch64-linux-gnu, qemu-user)"
  [ "${SEKISHO_STRICT:-}" = 1 ] && exit 1
  exit 77
fi
mkdir -p "$build"
say() { echo "$(date +%T) $*"; }
cmake -G Ninja -S "$cross" -B "$build/aarch64" -DCMAKE_BUILD_TYPE=Release \
  --toolchain "$cross/../../../cmake/aarch64.cmake" \
  ${launcher:+-DCMAKE_C_COMPILER_LAUNCHER="$launcher"} >"$build/configure.log" 2>&1 ||
  { cat "$build/configure.log"; exit 1; }
ninja -C "$build/aarch64" --quiet sk_base sk_engine all
say "base and engine compiled for aarch64"

export SEKISHO_SEED=${SEKISHO_SEED:-$(date +%s)} SEKISHO_FEWER=${SEKISHO_FEWER:-20}
echo "SEKISHO_SEED=$SEKISHO_SEED SEKISHO_FEWER=$SEKISHO_FEWER"
ulimit -c 0
run() { # LOG COMMAND...: the lines of results go to LOG.bits
  "${@:2}" >"$1" 2>&1 || { cat "$1"; exit 1; }
  grep -o 'bits .*' "$1" >"$1.bits"
}
cpus="max cortex-a53"
for test in kernels packed family; do
  if [ $test = family ]; then # each way is a set; the other tests have a vocabulary
    cpus=max
    export ONLY=every_way_gives_the_same_bits
  fi
  run "$build/here" "$unit/test_engine_$test"
  for cpu in $cpus; do
    run "$build/$cpu" qemu-aarch64 -cpu "$cpu" "$build/aarch64/test_engine_$test"
    diff "$build/here.bits" "$build/$cpu.bits" || { echo "$test on $cpu: other results than here"; exit 1; }
    say "$test on $cpu: $(wc -l <"$build/$cpu.bits") results as here"
    grep '[0-9] sets' "$build/$cpu" || true
  done
done
qemu-aarch64 "$build/aarch64/test_train_gemm" >"$build/gemm" 2>&1 || { cat "$build/gemm"; exit 1; }
say "products of training: $(grep '[0-9] sets' "$build/gemm")"
