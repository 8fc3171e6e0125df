#!/usr/bin/env bash
# Makes the offline archive and uses it as a machine without a network does: checks its
# sums, and that Cargo finds the sources of every crate in it and builds. Only a small
# crate is built: a whole build takes as long as any first build, and needs nothing more
# from Cargo. Also checks that no archive is made if sources are missing.
#
#   sudo tests/offline.sh
#
# Needs root, to take the network away (`unshare --net`), and a network if Cargo's cache
# has not every crate.
#
# Exit codes: 0 passed, 1 failed, 77 skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { printf 'skipped: %s\n' "$*"; exit 77; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
ok() { printf '  ok: %s\n' "$*"; }

[ "$EUID" -eq 0 ] || skip "root is needed to take the network away"
for tool in unshare zstd tar sha256sum; do
  command -v "$tool" > /dev/null || skip "the command $tool is needed"
done
work="$(mktemp -d)"
trap 'rm -rf -- "$work"' EXIT
trap 'exit 1' INT TERM HUP

# Without a network, and with a cache of Cargo that is empty. Where rustup keeps the compiler
# stays the same.
alone() { unshare --net env CARGO_HOME="$work/cargo" CARGO_NET_RETRY=0 CARGO_TARGET_DIR="$work/target" "$@"; }
export RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}"

if alone packaging/offline.sh "$work/none" > /dev/null 2> "$work/messages"; then
  fail "an archive is made without the sources of the crates"
fi
grep -q '^no archive was made: ' "$work/messages" || { cat "$work/messages"; fail "it does not say why no archive is made"; }
[ ! -e "$work/none" ] || fail "an incomplete archive is left"
ok "without the sources of the crates no archive is made, with the reason"

archive="$(packaging/offline.sh "$work/made")"
ok "$(basename "$archive"), $(stat --format %s "$archive") bytes"

# As docs/install.md says.
tar --extract --zstd --file "$archive" --directory "$work"
folder="$work/$(basename "$archive" -offline.tar.zst)"
cd "$folder"
sha256sum --check --quiet SHA256SUMS
find . -type f ! -path ./SHA256SUMS -printf '%p\n' | LC_ALL=C sort > "$work/files"
cut -c 67- SHA256SUMS | LC_ALL=C sort | diff - "$work/files" || fail "files and sums differ"
echo >> Cargo.lock
! sha256sum --check --quiet SHA256SUMS > /dev/null 2>&1 || fail "a changed file is not found"
truncate --size=-1 Cargo.lock
sha256sum --check --quiet SHA256SUMS
ok "$(wc -l < "$work/files") files have their sums, and a change is found"

alone cargo metadata --offline --locked --format-version 1 > "$work/metadata"
python3 - "$work/metadata" "$folder" << 'PYTHON'
import json, sys
packages = json.load(open(sys.argv[1]))["packages"]
elsewhere = [package["id"] for package in packages if not package["manifest_path"].startswith(sys.argv[2] + "/")]
sys.exit("\n".join(elsewhere) or None)
PYTHON
alone cargo check --quiet --offline --locked --package aidlink-faults
ok "without a network Cargo finds every crate in the archive, and builds aidlink-faults"
