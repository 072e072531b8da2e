#!/bin/sh
# Installs what the tests run against: PostgreSQL, Mosquitto, Prometheus, Chromium,
# what the examples are written in, and some tools. As root on a Debian-like system by apt, elsewhere it says in one line what
# is missing.
set -eu

# have PROGRAM looks where distributions put server programs, too.
have() {
	PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null 2>&1 && return
	for place in /usr/lib/postgresql/*/bin /usr/local/pgsql/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin; do
		[ -x "$place/$1" ] && return
	done
	return 1
}

missing=""
# need PROGRAM PACKAGE
need() { have "$1" || missing="$missing $2"; }

need postgres postgresql
need mosquitto mosquitto
need mosquitto_pub mosquitto-clients
need prometheus prometheus
need promtool prometheus
need zbarimg zbar-tools
need xmlsec1 xmlsec1
need chromium chromium
need node nodejs
need tsc node-typescript
need curl curl
need python3 python3
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	# shellcheck disable=SC2086 # a list of packages
	apt-get install -y -qq --no-install-recommends $missing
else
	echo "missing for the tests: apt-get install$missing" >&2
	exit 1
fi
