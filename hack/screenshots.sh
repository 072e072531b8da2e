#!/usr/bin/env bash
# Takes pictures of what `make run` shows, into the folder given: the demo's page in
# a wide and a narrow window, and the glass of a terminal through a paid sale. Then it
# takes those of firmware-sim/README.md anew: a terminal's page with every kind of
# panel, on a phone, and in every main state.
#
#   hack/screenshots.sh bin/galla-sim screenshots
set -euo pipefail

sim=$1 folder=$2
for tool in chromium curl; do
	command -v "$tool" >/dev/null || { echo "$tool not found: apt-get install $tool" >&2; exit 1; }
done
mkdir -p "$folder"
scratch=$(mktemp -d)
demo=
leave() {
	if [ -n "$demo" ]; then
		kill "$demo" 2>/dev/null || true
		wait "$demo" 2>/dev/null || true
	fi
	# A child of the browser may still be writing.
	rm -rf "$scratch" 2>/dev/null || { sleep 1; rm -rf "$scratch"; }
}
trap leave EXIT

"$sim" demo --listen 127.0.0.1:0 >"$scratch/out" 2>&1 &
demo=$!

# until_seen WHAT COMMAND... asks again until the command succeeds, for 20 s.
until_seen() {
	local what=$1 try
	shift
	for ((try = 0; try < 200; try++)); do
		if "$@"; then return; fi
		kill -0 "$demo" 2>/dev/null || break
		sleep 0.1
	done
	echo "not seen: $what; the demo said:" >&2
	cat "$scratch/out" >&2
	exit 1
}

# terminal NUMBER MODE: whether it is in that mode. A terminal says so of a mode that
# is on its glass.
terminal() { curl -sf "${terminals[$1 - 1]}/state" | grep -q "\"mode\":\"$2\""; }

# window WIDTH HEIGHT NAME takes the demo's page. Its stream of events never ends, so
# the browser is told when to look, and is ended if it hangs.
window() {
	timeout 60 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars \
		--disable-background-networking --disable-component-update --disable-sync --no-proxy-server \
		--host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' --user-data-dir="$scratch/profile" \
		--window-size="$1,$2" --timeout=4000 --screenshot="$folder/$3.png" "$page/" >"$scratch/chromium" 2>&1 ||
		{ cat "$scratch/chromium" >&2; exit 1; }
	[ -s "$folder/$3.png" ] || { echo "chromium took no picture of $page" >&2; exit 1; }
	echo "$folder/$3.png"
}

# glass NAME takes what is on the first terminal's glass, pixel for pixel.
glass() {
	curl -sf "${terminals[0]}/panel.png" >"$folder/$1.png"
	echo "$folder/$1.png"
}

# post PATH [JSON] does what a button of the page does.
post() { curl -sf -o "$scratch/answer" -X POST -H 'Content-Type: application/json' --data "${2-}" "$page/$1"; }

until_seen "that it is ready" grep -q '^Try it from another terminal' "$scratch/out"
page=$(awk '/^  Page / { print $2 }' "$scratch/out")
mapfile -t terminals < <(awk '/^  Terminal [12] / { print $3 }' "$scratch/out")

until_seen "terminal 1 idle" terminal 1 idle
until_seen "terminal 2 idle" terminal 2 idle
glass terminal-idle
post sales '{"terminal": 1, "amount": "245.00", "expiresIn": 180}'
until_seen "terminal 1 presenting" terminal 1 presenting
glass terminal-presenting
window 1280 900 demo-1280
window 360 2100 demo-360
post terminals/1/pay
until_seen "terminal 1 showing the result" terminal 1 result
glass terminal-paid

# The pictures of the README need every state in its turn: a test knows how.
(cd "$(dirname "$0")/.." && go test -count=1 -run '^TestPictures$' ./firmware-sim/terminal -pictures)
ls -1 "$(dirname "$0")"/../firmware-sim/pictures/*.png
