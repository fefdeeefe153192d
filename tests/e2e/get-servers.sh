#!/bin/sh
# Brings the real mail servers that the end-to-end tests put behind postern.
#
# Debian's postfix, exim4 and opensmtpd exclude each other, so their packages
# are only unpacked, each into a folder of its own below build/servers; what
# they are linked with, and Dovecot, are installed as usual. No service is
# started. Needs root. The second run finds everything and does nothing.
#
# Usage: get-servers.sh [FOLDER]
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${1:-$root/build/servers}
mkdir -p "$cache"

fetch()
{
	name=$1
	shift
	test -e "$cache/$name/.complete" && return
	echo "get-servers: $name"
	rm -rf "${cache:?}/$name" "$cache/$name.debs"
	mkdir -p "$cache/$name" "$cache/$name.debs"
	# Not by the user _apt, who may not write here.
	(cd "$cache/$name.debs" &&
		apt-get -qq -o APT::Sandbox::User=root download "$@") || {
		apt-get -qq update
		(cd "$cache/$name.debs" &&
			apt-get -qq -o APT::Sandbox::User=root download "$@")
	}
	for deb in "$cache/$name.debs"/*.deb; do
		dpkg-deb -x "$deb" "$cache/$name"
	done
	rm -rf "$cache/$name.debs"
	touch "$cache/$name/.complete"
}

# Installs without starting services, whatever the machine's own policy.
add()
{
	for package; do
		shift
		state=$(dpkg-query -W -f '${db:Status-Status}' "$package" \
			2>/dev/null || :)
		test "$state" = installed || set -- "$@" "$package"
	done
	test $# -gt 0 || return 0
	echo "get-servers: installing $*"
	policy=/usr/sbin/policy-rc.d
	made=
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 755 $policy
		made=yes
	fi
	status=0
	apt_install "$@" || {
		apt-get -qq update
		apt_install "$@" || status=$?
	}
	test -z "$made" || rm -f $policy
	return $status
}

apt_install()
{
	DEBIAN_FRONTEND=noninteractive apt-get -qq install \
		--no-install-recommends -y "$@" >/dev/null
}

# The names that the programs were compiled with.
account()
{
	getent passwd "$1" >/dev/null || useradd --system --user-group \
		--no-create-home --home-dir /nonexistent \
		--shell /usr/sbin/nologin "$1"
}

add dovecot-core libdb5.3 libicu72 libnsl2 libsasl2-2 libssl3 \
	libgnutls-dane0 libidn12 libpcre2-8-0 libevent-2.1-7 libpam0g
add swaks curl msmtp openssl libnet-ssleay-perl libauthen-sasl-perl
add testssl.sh sslscan nmap hydra # bring no service
fetch postfix postfix
fetch exim exim4-daemon-light exim4-base
fetch opensmtpd opensmtpd
account postfix
getent group postdrop >/dev/null || groupadd --system postdrop
account Debian-exim
account opensmtpd
account opensmtpq
