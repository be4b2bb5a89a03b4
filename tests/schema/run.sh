#!/usr/bin/env bash
# run.sh NODE SCRIPT BIN [OPTIONS]: a script of this folder under the pinned Node.js; a counted skip
# when it or ajv is not installed.
here=$(dirname "$0")
if [ ! -x "$1" ] || [ ! -d "$here/node_modules/ajv" ]; then
  echo "skip: schema needs node_modules in tests/api and tests/schema (see scripts/test)"
  [ "${SEKISHO_STRICT:-}" = 1 ] && exit 1
  exit 77
fi
exec "$1" "$here/$2" "${@:3}"
