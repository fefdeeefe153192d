#!/bin/bash
# The packages on a Debian 12 that has nothing else: debootstrap, installation
# with apt, one edit, a start under systemd, an upgrade, a purge.
#
# Usage: bare.sh FOLDER_WITH_PACKAGES. As root; the mirror is
# Debian's, or POSTERN_MIRROR. All of it is in a folder that is removed again.
set -euo pipefail

debs=$(readlink -f "$1")
here=$(dirname "$(readlink -f "$0")")
mirror=${POSTERN_MIRROR:-http://deb.debian.org/debian}
work=$(mktemp -d /var/tmp/postern-bare.XXXXXX)
root=$work/root
trap 'rm -rf "$work"' EXIT

debootstrap --variant=minbase --include=systemd,systemd-sysv,procps,ca-certificates bookworm "$root" "$mirror"
for conf in /etc/apt/apt.conf.d/*proxy* /etc/apt/apt.conf; do
	[ ! -f "$conf" ] || cp "$conf" "$root/etc/apt/apt.conf.d/"
done
cp /etc/resolv.conf "$root/etc/resolv.conf"
mkdir "$root/debs" "$root/out"
cp "$debs"/*.deb "$root/debs"
cp "$here/bare-work.sh" "$root/"
cat >"$root/install.sh" <<'END'
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
find /etc /lib/systemd /usr /var -path "*postern*" | sort >/out/before
apt-get -q install -y --no-install-recommends /debs/postern_*.deb /debs/postern-doc_*.deb
for program in /usr/sbin/postern /usr/bin/posternctl; do
	if ldd "$program" | grep 'not found'; then
		exit 1
	fi
done
postern version
END
chroot "$root" bash /install.sh
cat >"$root/etc/systemd/system/work.service" <<'END'
[Unit]
After=basic.target
[Service]
ExecStart=/bare-work.sh
StandardOutput=file:/out/work
StandardError=file:/out/work
END
cat >"$root/etc/systemd/system/work.target" <<'END'
[Unit]
Requires=basic.target
Wants=work.service
AllowIsolate=yes
END
timeout 120 systemd-nspawn --quiet --directory="$root" --private-network --register=no --keep-unit \
	--system-call-filter="landlock_create_ruleset landlock_add_rule landlock_restrict_self" \
	--boot systemd.unit=work.target || true
cat "$root/out/work"
grep -qx 'bare: all is well' "$root/out/work"
