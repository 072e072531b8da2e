#!/usr/bin/env bash
# Runs the benchmarks of each package with a CPU and a memory profile:
#
#   hack/profile.sh ./protocol/... ./controller/...
#   go tool pprof -http=: profile/protocol.test profile/protocol.cpu
set -euo pipefail

mkdir -p profile
packages=$(go test -list '^Benchmark' "$@" | awk '/^Benchmark/ { n++ } /^ok/ { if (n) print $2; n = 0 }')
if [ -z "$packages" ]; then
	echo "no benchmarks in $*" >&2
	exit 1
fi
while read -r package; do
	name=${package#github.com/galla-pay/galla/}
	name=${name//\//-}
	go test -run='^$' -bench=. -benchmem -o "profile/$name.test" \
		-cpuprofile "profile/$name.cpu" -memprofile "profile/$name.mem" "$package" </dev/null
done <<<"$packages"
