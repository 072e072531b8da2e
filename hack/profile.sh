#!/usr/bin/env bash
# Writes profiles of the whole program under load and of each package's benchmarks
# into profile/. First the end-to-end run: the UPI network's requests to a real
# controller on a real PostgreSQL for FOR (20s), with the controller's CPU,
# allocation, block and mutex profiles (profile/upi.*, upi.txt), at a RATE (1500 a
# second) that two cores bear, for a server that drowns spends its time on other
# things; then, unless there are no packages, every benchmark with a CPU and a memory
# profile.
#
#   hack/profile.sh ./protocol/... ./controller/...
#   RATE=10000 hack/profile.sh
#   go tool pprof -http=: profile/upi.cpu
#   go tool pprof -http=: profile/protocol.test profile/protocol.cpu
set -euo pipefail

mkdir -p profile
go run ./hack/load upi -rate "${RATE:-1500}" -for "${FOR:-20s}" -profile profile | tee profile/upi.txt
# What takes the most: CPU time by who used it and by who had it used, allocations by
# who made them, waits by who waited and for a lock by who let it go.
for view in 'cpu cpu -flat' 'cpu cpu -cum' 'allocs alloc_space -flat' 'block delay -cum' 'mutex delay -flat'; do
	read -r name index order <<<"$view"
	{
		echo
		go tool pprof -top -nodecount=50 -sample_index="$index" "$order" "profile/upi.$name" 2>/dev/null
	} >>profile/upi.txt
done
echo "profile/upi.txt has the table and what takes the most of each profile"

[ $# -gt 0 ] || exit 0
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
