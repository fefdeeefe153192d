#!/bin/sh
# Runs a server from its unpacked package, in a mount namespace of its own.
#
# Postfix and OpenSMTPD were compiled with fixed paths below /usr and /var.
# Here the unpacked package lies over /usr, and empty folders lie over those
# below /var that it writes to; nobody else sees any of it.
#
# Usage: namespace.sh PACKAGE_FOLDER PROGRAM [ARGUMENT...]
set -eu

if [ "${POSTERN_NAMESPACE:-}" != "$$" ]; then
	POSTERN_NAMESPACE=$$
	export POSTERN_NAMESPACE
	exec unshare --mount --propagation private "$0" "$@"
fi
unset POSTERN_NAMESPACE

package=$1
shift
mount -t overlay overlay -o "lowerdir=$package/usr:/usr" /usr
mount -t tmpfs -o mode=755 tmpfs /var/spool
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir -p /var/spool/smtpd /var/lib/opensmtpd/empty
chmod 711 /var/spool/smtpd
exec "$@"
