#!/bin/sh
# Asks for money on the sandbox's Dynamic-QR display and prints how it stands:
#
#	sale.sh [--once] [--expires-in SECONDS] [URL]
#
# Needs curl, base64 and sha256sum.
set -eu

url=http://127.0.0.1:8080 once=no expires_in=180
while [ $# -gt 0 ]; do
	case $1 in
	--once) once=yes ;;
	--expires-in)
		expires_in=$2
		shift
		;;
	*) url=$1 ;;
	esac
	shift
done
merchant=${GALLA_MERCHANT:-MERCHANTUAT}
key=${GALLA_SALT_KEY:-sandbox-merchant-key}

# x_verify BASE64 PATH: the checksum; the base64 is empty without a body.
x_verify() { printf '%s###1' "$(printf %s "$1$2$key" | sha256sum | cut -d' ' -f1)"; }

# field NAME: its text or number in the JSON at the input.
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p"; }

# call PATH BASE64 [CURL ARGUMENTS]: answer and http are what came back; http is
# 000 when the answer is lost.
call() {
	path=$1 sum=$(x_verify "$2" "$1")
	shift 2
	answer=$(curl -s -m 15 -w '"http":"%{http_code}"' "$url$path" -H "X-VERIFY: $sum" "$@") || answer='"http":"000"'
	http=$(printf %s "$answer" | field http)
}

# An id is unique for ever: keep it with the bill before asking for the money.
id=SH-$(date +%s)-$$
body=$(printf '{"merchantId":"%s","storeId":"teststore1","terminalId":"testterminal1","merchantTransactionId":"%s","orderId":"order1","amount":245,"solutionType":"DQR_DEVICE","expiresIn":%d}' \
	"$merchant" "$id" "$expires_in" | base64 | tr -d '\n')

# Only a 429 is sent again, as it is: it was refused unread.
http=429
while [ "$http" = 429 ]; do
	call /v1/payment/init "$body" -H 'Content-Type: application/json' -d "{\"request\":\"$body\"}"
	[ "$http" != 429 ] || sleep 1
done
case $http in
200) ;;
000 | 5*) echo "$id the answer is lost: asking for the status" ;;
*)
	printf '%s\n' "$answer" >&2
	exit 1
	;;
esac

# Ask until it is final, never for the money again. Quick, because the sandbox is
# near by: PhonePe's documents say 20 s, then every 3 s.
said='' left=$((expires_in + 300))
while [ $left -gt 0 ]; do
	call "/v1/payment/$merchant/$id/status" ''
	case $http in
	200)
		status=$(printf %s "$answer" | field status)
		[ "$status" = "$said" ] || echo "$id $status $(printf %s "$answer" | field responseCode)"
		said=$status
		;;
	000 | 429 | 5*) ;; # not final: ask again
	*)
		printf '%s\n' "$answer" >&2
		exit 1
		;;
	esac
	case $said in
	SUCCESS) echo "$id paid, reference $(printf %s "$answer" | field referenceNumber): close the bill" ;;
	esac
	case $once$said in
	yes?* | *SUCCESS | *FAILED | *EXPIRED) exit 0 ;;
	esac
	sleep 1
	left=$((left - 1))
done
echo "$id is still ${said:-unknown}: ask again later" >&2
exit 1
