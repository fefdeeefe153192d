#!/bin/sh
# Boots systemd in a container: this machine's files, with others over them.
#
# Nothing outlives it: the container's files are in memory, its mounts in a
# mount namespace and its network in a network namespace of its own.
# /boot-work.sh of the given files does the work and ends with a poweroff; what
# it leaves in /out is copied.
#
# Usage: boot.sh FILES_FOLDER OUT_FOLDER SECONDS
set -eu

if [ "${POSTERN_BOOT:-}" != "$$" ]; then
	POSTERN_BOOT=$$
	export POSTERN_BOOT
	exec unshare --mount --propagation private "$0" "$@"
fi
unset POSTERN_BOOT

files=$1 out=$2 seconds=$3
work=$out/work
mkdir "$work"
mount -t tmpfs -o size=256m tmpfs "$work"
mkdir "$work/up" "$work/side" "$work/root"
mount -t overlay overlay \
	-o "lowerdir=/,upperdir=$work/up,workdir=$work/side" "$work/root"
cp -a "$files/." "$work/root/"
mkdir "$work/root/out"
units=$work/root/etc/systemd/system
mkdir -p "$units"
cat >"$units/boot.service" <<-'END'
	[Unit]
	After=basic.target
	[Service]
	ExecStart=/boot-work.sh
END
cat >"$units/boot.target" <<-'END'
	[Unit]
	Requires=basic.target
	Wants=boot.service
	AllowIsolate=yes
END
# systemd 252 keeps Landlock from containers, for no reason that matters here.
timeout "$seconds" systemd-nspawn --quiet --directory="$work/root" \
	--private-network --register=no --keep-unit \
	--system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self" \
	--boot systemd.unit=boot.target >"$out/console" 2>&1 || true
cp -a "$work/root/out/." "$out/"
