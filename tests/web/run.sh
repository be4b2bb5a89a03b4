#!/usr/bin/env bash
# run.sh NODE TEST: as tests/api/run.sh, with a browser; a counted skip when there is none.
if [ ! -x "$CHROMIUM" ]; then
  echo "skip: $2 needs Debian's chromium"
  [ "${SEKISHO_STRICT:-}" = 1 ] && exit 1
  exit 77
fi
exec ../api/run.sh "$@"
