#!/bin/bash
# What bare.sh has done in the machine that it made. Says `all is well` last.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
trap 'systemctl poweroff' EXIT
trap 'echo "bare: failed at line $LINENO"; journalctl -u postern --no-pager | tail -20' ERR

answers() {
	for _ in {1..100}; do
		posternctl status >/dev/null 2>&1 && return
		sleep 0.1
	done
	return 1
}

if systemctl --quiet is-active postern || postern check; then
	exit 1
fi
sed -i 's,# servers = .*,servers = {"127.0.0.1:2598"},' /etc/postern/postern.conf
sed -i 's,^firewall.*,firewall { backend = nft },' /etc/postern/postern.conf
postern check
systemctl enable --now postern postern-report.timer
answers
systemctl status postern --no-pager
posternctl bans add 203.0.113.9 --for 5m
exec 3<>/dev/tcp/127.0.0.1/25
read -r greeting <&3
echo "bare: port 25 says $greeting"
[ "${greeting:0:4}" = '421 ' ] # nobody stands behind it
for _ in {1..100}; do
	nft list table inet postern | grep -F 203.0.113.9 && break
	sleep 0.1
done
nft list table inet postern | grep -qF 203.0.113.9
dpkg -i /debs/postern_*.deb    # over itself is an upgrade, too
answers
posternctl bans list | grep -F 203.0.113.9
dpkg --purge postern postern-doc
if pgrep postern; then
	exit 1
fi
[ -z "$(nft list tables)" ]
if getent passwd postern; then
	exit 1
fi
[ "$(find /etc /lib/systemd /usr /var -path '*postern*' | sort)" = "$(cat /out/before)" ]
echo 'bare: all is well'
