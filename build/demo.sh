#!/usr/bin/env bash
# The whole way of a case, once, on this machine: the CERT makes a key and a kit, the agent collects this host and sends
# what it sealed, the desk receives, verifies, opens and reports. Everything stays in demo/; nothing else is changed.
set -euo pipefail
cd "$(dirname "$0")/.."

began=$SECONDS
receiver=
stop_receiver() {
  [ -n "$receiver" ] || return 0
  kill "$receiver" 2>/dev/null || true
  wait "$receiver" 2>/dev/null || true
  receiver=
}
trap stop_receiver EXIT
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }
show() { sed 's/^/  /'; }

make --no-print-directory -s build
rm -rf demo
mkdir demo
spor=$PWD/bin/spor desk=$PWD/bin/spor-desk case=DEMO-001
cd demo

say "1. The CERT makes a key, for this demonstration without a passphrase"
"$desk" keygen --name "Demo CERT" --email cert@example.org --out keys --no-passphrase | show

say "2. It receives on loopback, over TLS, and gives the case a token that can only write"
"$desk" receive --listen 127.0.0.1:0 --store store --name "Demo CERT" >receiver.txt 2>receiver.log &
receiver=$!
for _ in {1..100}; do
  grep -q '^pin ' receiver.txt 2>/dev/null && break
  kill -0 "$receiver" 2>/dev/null || { cat receiver.log >&2; exit 1; }
  sleep 0.1
done
url=$(sed -n 's/^listening at //p' receiver.txt)
pin=$(sed -n 's/^pin //p' receiver.txt)
token=$("$desk" token new --store store --case "$case" --expires 1d)
show <receiver.txt

say "3. It makes a kit: the unchanged agent, the signed spor.kit, an instruction for whoever is there"
"$desk" kit --recipient keys/cert-public.asc --sign-key keys/cert-private.asc --upload "$url" --token "$token" --pin "$pin" \
  --case "$case" --agent "$spor" --contact-name "Demo CERT" --out kit | show

say "4. On the affected host (this one): collect, seal, send"
code=0
mkdir stick
kit/spor collect --out stick --operator "make demo" >collect.txt 2>collect.log || code=$?
show <collect.txt
case $code in
  0) ;;
  3) echo "  exit code 3: with gaps that the report names; the bundle is good" ;;
  *) show <collect.log >&2; echo "spor collect: exit code $code" >&2; exit 1 ;;
esac
stop_receiver

say "5. At the desk: verify and open what arrived, put its events in order, write the first page"
"$desk" verify store/"$case"/*.pgp --key keys/cert-private.asc | show
"$desk" open store/"$case"/*.pgp --key keys/cert-private.asc --out opened >open.txt
"$desk" timeline opened --format jsonl --out timeline.jsonl
"$desk" report opened --out report.html >/dev/null
echo "  $(wc -l <timeline.jsonl) events in timeline.jsonl; $(find opened/files -type f | wc -l) files in opened/files"

say "Done in $((SECONDS - began)) s. Look at demo/report.html"
cat <<TXT
  demo/kit      what goes onto a stick       demo/stick    what the agent wrote: sealed, nothing else
  demo/store    what the CERT received       demo/opened   the evidence, after opening it with
  demo/keys     the CERT's key                             demo/keys/cert-private.asc
TXT
