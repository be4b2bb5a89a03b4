#!/usr/bin/env bash
# border_world.sh COMMAND...: runs it in a network of its own, with two places beside it, each in a
# network namespace: `in-country` (10.81.1.2) and `abroad` (10.81.2.2); this side is .1 of both.
# There is no other way out. It all is gone when the command ends. Without root a counted skip.
set -euo pipefail

if [ -z "${SEKISHO_WORLD:-}" ]; then
  if [ "$(id -u)" -ne 0 ] || ! unshare --net --mount true 2>/dev/null; then
    echo "skip: a network of its own needs root (unshare --net --mount)"
    [ "${SEKISHO_STRICT:-}" = 1 ] && exit 1
    exit 77
  fi
  exec unshare --net --mount env SEKISHO_WORLD=1 "$0" "$@"
fi

place() { # NAME NETWORK
  ip netns add "$1"
  ip link add "to-$2" type veth peer name eth0 netns "$1"
  ip address add "10.81.$2.1/24" dev "to-$2"
  ip link set "to-$2" up
  ip -n "$1" address add "10.81.$2.2/24" dev eth0
  ip -n "$1" link set eth0 up
  ip -n "$1" link set lo up
}
ip link set lo up
mkdir -p /run/netns
mount -t tmpfs world /run/netns
place in-country 1
place abroad 2
exec "$@"
