#!/usr/bin/env bash
# Signs programs for Windows where they lie (Authenticode, SHA-256) and checks each: sign.sh FILE... SIGN_CERT and SIGN_KEY
# are PEM files, the certificate with its chain; SIGN_ROOT is whom the chain ends at, if it
# is not in the chain; SIGN_TIME the address of a timestamp service, without which a signature ends with its certificate.
# Nothing is signed where SIGN_KEY is empty.
set -euo pipefail
[ -n "${SIGN_KEY:-}" ] || exit 0
: "${SIGN_CERT:?}"

for file; do
  osslsigncode sign -certs "$SIGN_CERT" -key "$SIGN_KEY" -h sha256 -n spor ${SIGN_TIME:+-ts "$SIGN_TIME"} -in "$file" -out "$file.signed"
  osslsigncode verify -CAfile "${SIGN_ROOT:-$SIGN_CERT}" -in "$file.signed"
  mv "$file.signed" "$file"
done >&2
