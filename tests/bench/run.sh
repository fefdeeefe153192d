#!/usr/bin/env bash
# Runs bench.py in a network namespace of its own (needs root): loopback only,
# its own ports, sysctls and nft tables. The tools come from build/release.
#
# 10.96.0.0/14 is local without being anybody's address: clients get theirs
# from it, since loopback addresses are always allowed.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
ulimit -Hn 65536 2>/dev/null || true
ulimit -n "$(ulimit -Hn)"
# shellcheck disable=SC2016
exec unshare --net --fork --kill-child sh -c '
	ip link set lo up
	ip route add local 10.96.0.0/14 dev lo
	sysctl -qw net.ipv4.ip_local_port_range="1024 65535" \
		net.ipv4.tcp_tw_reuse=1 net.core.somaxconn=65535 \
		net.ipv4.tcp_max_syn_backlog=65535 net.ipv4.tcp_syncookies=0 ||
		true
	sysctl -qw net.ipv4.ip_local_reserved_ports=2525-3600,8090 || true
	exec /usr/bin/python3 tests/bench/bench.py "$@"' sh "$@"
