# Sourced by the walkthroughs: starts a gateway of its own on a free port and stops it at the end.
# OTARI is the binary to use; without it the one on the PATH, or the one built here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

otari=${OTARI:-$(command -v otari || true)}
for built in ../target/release/otari ../target/debug/otari; do
    [ -n "$otari" ] || [ ! -x "$built" ] || otari=$built
done
[ -n "$otari" ] || { echo "No otari found: build it with 'cargo build --release', or set OTARI." >&2; exit 1; }

work=$(mktemp -d)
# It is read before the gateway has written to it.
touch "$work/printed"
OTARI_DATA_DIR="$work/data" OTARI_FILES_LOCAL_DIR="$work/files" \
    "$otari" serve --config otari.yml --port 0 \
    --database-url "sqlite:///$work/otari.db" >"$work/printed" 2>"$work/log" &
gateway=$!
trap 'kill "$gateway" 2>/dev/null; wait "$gateway" 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 300); do
    url=$(sed -n 's/^.*Otari is at \(http[^ ]*\)\. .*$/\1/p' "$work/printed")
    [ -z "$url" ] || break
    kill -0 "$gateway" 2>/dev/null || { cat "$work/printed" "$work/log" >&2; exit 1; }
    sleep 0.1
done

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# ask PATH JSON [HEADER...]: shows a request and its answer.
ask() {
    local path=$1 body=$2
    shift 2
    printf '\n$ curl %s%s -d '"'%s'\n" '$OTARI' "$path" "$body"
    curl -sS "$url$path" -H "Authorization: Bearer $key" -H 'Content-Type: application/json' "$@" -d "$body"
    echo
}

manage() { curl -sS "$url$1" -H 'Authorization: Bearer demo-master-key' -H 'Content-Type: application/json' "${@:2}"; }

key=$(manage /v1/keys -d '{"user_id": "ada"}' | sed -n 's/^.*"key":"\([^"]*\)".*$/\1/p')
