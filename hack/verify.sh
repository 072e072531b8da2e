#!/usr/bin/env bash
# Checks that whatever is made from something else is up to date: generated files,
# golden files (by making them again) and the go.mod files of the modules given.
# What it makes again it leaves in the tree, so that `git diff` shows the change.
set -euo pipefail

failed=0

for module in "$@"; do
	echo "== go mod tidy -diff: $module"
	GOWORK=off go -C "$module" mod tidy -diff || failed=1
done

echo "== go mod tidy -diff: tools"
GOWORK=off go -C hack mod tidy -modfile=tools.mod -diff || failed=1

state() { git ls-files -z --cached --others --exclude-standard | sort -z | xargs -0 sha256sum 2>/dev/null || true; }
before=$(state)

patterns=()
for module in "$@"; do patterns+=("./$module/..."); done
echo "== go generate"
go generate "${patterns[@]}"

echo "== golden files"
goldens=$(git grep --untracked -lE 'flag\.Bool\("update"' -- '*_test.go' | xargs -r -n1 dirname | sort -u | sed 's|^|./|')
if [ -n "$goldens" ]; then
	# shellcheck disable=SC2086 # a list of packages
	go test -count=1 -timeout=3m $goldens -update >/dev/null || failed=1
fi

after=$(state)
if [ "$before" != "$after" ]; then
	echo "these files are not what they would be made again:"
	diff <(echo "$before") <(echo "$after") | awk '/^[<>]/ { print "  " $3 }' | sort -u
	failed=1
fi
[ "$failed" = 0 ] && echo "verify: nothing to make again"
exit "$failed"
