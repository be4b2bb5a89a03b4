#!/usr/bin/env bash
# run.sh NODE TEST: one test file of this folder under the pinned Node.js; a counted skip when that
# or the folder's packages are not installed.
if [ ! -x "$1" ] || [ ! -d node_modules ]; then
  echo "skip: $2 needs node_modules in tests/api and here (npm ci --ignore-scripts --omit=optional)"
  [ "${SEKISHO_STRICT:-}" = 1 ] && exit 1
  exit 77
fi
exec "$1" --test --test-force-exit "$2"
