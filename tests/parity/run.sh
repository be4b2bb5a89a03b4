#!/usr/bin/env bash
# run.sh NODE SCRIPT BIN [OPTIONS]: a script of this folder under the pinned Node.js; a counted skip
# when it or llama.cpp's package is not installed.
here=$(dirname "$0")
if [ ! -x "$1" ] || [ ! -d "$here/node_modules/node-llama-cpp" ]; then
  echo "skip: parity needs node_modules in tests/api and tests/parity (see scripts/test)"
  [ "${SEKISHO_STRICT:-}" = 1 ] && exit 1
  exit 77
fi
exec "$1" "$here/$2" "${@:3}"
