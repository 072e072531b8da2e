#!/usr/bin/env python3
"""Asks for money on the sandbox's Dynamic-QR display and prints how it stands.

    sale.py [--once] [--expires-in SECONDS] [URL]

Needs nothing but Python 3.
"""

import argparse
import base64
import hashlib
import http.client
import json
import os
import time
import urllib.error
import urllib.request
import uuid

MERCHANT = os.environ.get("GALLA_MERCHANT", "MERCHANTUAT")
SALT_KEY = os.environ.get("GALLA_SALT_KEY", "sandbox-merchant-key")
SALT_INDEX = 1


def x_verify(payload, path):
    """The checksum: base64 (empty without a body), path without prefix, key."""
    digest = hashlib.sha256((payload + path + SALT_KEY).encode()).hexdigest()
    return f"{digest}###{SALT_INDEX}"


def call(base, path, fields=None):
    """Returns the answer, or None when nobody knows whether it was done."""
    payload = base64.b64encode(json.dumps(fields).encode()).decode() if fields else ""
    request = urllib.request.Request(
        base + path,
        data=json.dumps({"request": payload}).encode() if fields else None,
        headers={"Content-Type": "application/json", "X-VERIFY": x_verify(payload, path)},
    )
    try:
        with urllib.request.urlopen(request, timeout=15) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as refused:
        if refused.code >= 500:
            return None  # INTERNAL_SERVER_ERROR is not final
        if refused.code == 429:  # refused unread: the same again, later
            time.sleep(int(refused.headers.get("Retry-After", "1")))
            return call(base, path, fields)
        text = refused.read().decode(errors="replace")
        raise SystemExit(f"HTTP {refused.code}: {text}")
    except (OSError, ValueError, http.client.HTTPException):
        return None  # the answer is lost
    if not answer["success"]:
        raise SystemExit(f"{answer['code']}: {answer['message']}")
    return answer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8080")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--expires-in", type=int, default=180)
    args = parser.parse_args()

    # An id is unique for ever: keep it with the bill before asking for the money.
    sale = f"PY-{uuid.uuid4().hex}"
    taken = call(args.url, "/v1/payment/init", {
        "merchantId": MERCHANT,
        "storeId": "teststore1",
        "terminalId": "testterminal1",
        "merchantTransactionId": sale,
        "orderId": "order1",
        "amount": 245,
        "solutionType": "DQR_DEVICE",
        "expiresIn": args.expires_in,
    })
    if taken is None:
        print(sale, "the answer is lost: asking for the status")

    # Ask until it is final, never for the money again. Quick, because the
    # sandbox is near by: PhonePe's documents say 20 s, then every 3 s.
    give_up = time.monotonic() + args.expires_in + 300
    said = None
    while time.monotonic() < give_up:
        answer = call(args.url, f"/v1/payment/{MERCHANT}/{sale}/status")
        if answer is not None:
            data = answer["data"]
            if data["merchantTransactionId"] != sale or data["amount"] != 245:
                raise SystemExit("that is the answer to another question")
            if data["status"] != said:
                said = data["status"]
                print(sale, said, data.get("responseCode", ""), flush=True)
            if said == "SUCCESS":
                print(f"{sale} paid, reference {data['referenceNumber']}: close the bill")
            if args.once or said in ("SUCCESS", "FAILED", "EXPIRED"):
                return
        time.sleep(0.5)
    raise SystemExit(f"{sale} is still {said}: ask again later")


main()
