#!/bin/sh
# Makes the passwords that compose.yaml hands to its containers, each once:
# deploy/secrets/{postgres_password,pgpass,broker_password}. What exists stays.
#
# The files can be read by the containers' users; the folder around them only by
# you.
set -eu

cd "$(dirname "$0")"
mkdir -p secrets
chmod 0700 secrets

# make NAME writes 40 random letters and digits.
make() {
	[ -s "secrets/$1" ] && return
	head -c 512 /dev/urandom | LC_ALL=C tr -dc 'A-Za-z0-9' | head -c 40 >"secrets/$1"
	chmod 0644 "secrets/$1"
	echo "made deploy/secrets/$1"
}

make postgres_password
make broker_password
if [ ! -s secrets/pgpass ]; then
	printf 'postgres:5432:galla:galla:%s\n' "$(cat secrets/postgres_password)" >secrets/pgpass
	chmod 0644 secrets/pgpass
	echo "made deploy/secrets/pgpass"
fi
