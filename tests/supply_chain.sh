#!/usr/bin/env bash
# What the programs are built of: licences, sources, forbidden crates; that the bill
# of materials names what is built and nothing else; that no crate of our own may hold
# unsafe code. Fails where one of these cannot be looked at.
#
# Advisories are not looked at: their database is a git repository that not every
# place can reach (docs/assurance.md says how to do it by hand).
#
# Set CARGO_DENY to use a cargo-deny that is installed already; else this version is
# built once and kept beside the target folder.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.20.2

if [ -z "${CARGO_DENY:-}" ]; then
  place="$(dirname "${CARGO_TARGET_DIR:-$HOME/.cache/aidlink/target}")/cargo-deny-$version"
  CARGO_DENY="$place/bin/cargo-deny"
  # A debug build: it takes a minute instead of several, and the check seconds either way.
  [ -x "$CARGO_DENY" ] \
    || env -u CARGO_TARGET_DIR cargo install --quiet --debug --locked --root "$place" "cargo-deny@$version" \
    || { echo "cargo-deny $version could not be built: licences, sources and bans were not checked" >&2; exit 1; }
fi
# Crates that are there in two versions are a warning, and not shown.
"$CARGO_DENY" --locked --log-level error check --hide-inclusion-graph licenses sources bans

python3 tests/sbom.py --check
tree=(cargo tree --locked --package aidlink --package aidlink-centre --target x86_64-unknown-linux-gnu
  --edges "normal,build" --prefix none --no-dedupe --format '{p}')
built="$("${tree[@]}" | awk 'NF { sub(/^v/, "", $2); print $1, $2 }' | sort -u)"
named="$(python3 -c 'import json
for component in json.load(open("docs/sbom.cdx.json"))["components"]:
    print(component["name"], component["version"])' | sort)"
diff <(echo "$built") <(echo "$named") \
  || { echo "docs/sbom.cdx.json names other crates than are built (< built, > named)" >&2; exit 1; }

# No crate of the workspace opts out of `unsafe_code = "forbid"`.
grep -q 'unsafe_code = "forbid"' Cargo.toml
for manifest in Cargo.toml crates/*/Cargo.toml; do
  grep -A1 '^\[lints\]' "$manifest" | grep -q 'workspace = true' \
    || { echo "$manifest has lints of its own" >&2; exit 1; }
done
if grep -rnE 'allow\(unsafe_code\)|unsafe \{|unsafe fn|unsafe impl' --include='*.rs' src crates tests benches fuzz/fuzz_targets; then
  echo "unsafe code" >&2
  exit 1
fi
echo "no unsafe code in the workspace"
