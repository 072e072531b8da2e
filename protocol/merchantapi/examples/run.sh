#!/bin/sh
# Runs every example against a controller, one after the other, each to its end:
#
#	run.sh URL [--once] [--expires-in SECONDS]
#
# An example that fails is named, and so is this script's status.
set -eu

[ $# -gt 0 ] || { sed -n '4s/^#\t/usage: /p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
failed=0
# example NAME COMMAND...
example() {
	name=$1
	shift
	echo "== $name"
	"$@" || { echo "$name failed" >&2; failed=1; }
}
# shellcheck disable=SC2317 # it is called by its name
typescript() { (cd "$here/../../merchantapi-ts" && node --input-type=module - "$@" <examples/sale.ts); }

url=$1
shift
example curl "$here/sale.sh" "$@" "$url"
example python python3 "$here/sale.py" "$@" "$url"
example go go -C "$here" run ./sale "$@" "$url"
example typescript typescript "$@" "$url"
exit $failed
