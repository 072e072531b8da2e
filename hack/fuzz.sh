#!/usr/bin/env bash
# Runs every fuzz target of the packages, one after another, for the time given:
#
#   hack/fuzz.sh 20s ./protocol/... ./agent/...
#
# An input that breaks a target stays in that package's testdata/fuzz.
set -euo pipefail

time=$1
shift
targets=$(go test -list '^Fuzz' "$@" | awk '
	/^Fuzz/ { name[++n] = $1 }
	/^ok/ { for (i = 1; i <= n; i++) print $2, name[i]; n = 0 }')
if [ -z "$targets" ]; then
	echo "no fuzz targets in $*" >&2
	exit 1
fi
failed=0
while read -r package target; do
	echo "== $package $target"
	go test -run='^$' -fuzz="^$target\$" -fuzztime="$time" "$package" </dev/null || failed=$((failed + 1))
done <<<"$targets"
echo "$(($(wc -l <<<"$targets") - failed)) passed, $failed failed"
[ "$failed" = 0 ]
