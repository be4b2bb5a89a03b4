#!/usr/bin/env bash
# run.sh NODE TEST: one test file under the pinned Node.js; a counted skip when it is not installed.
if [ ! -x "$1" ]; then
  echo "skip: $2 needs tests/api/node_modules (npm ci --ignore-scripts)"
  [ "${SEKISHO_STRICT:-}" = 1 ] && exit 1
  exit 77
fi
exec "$1" --test --test-force-exit "$2"
