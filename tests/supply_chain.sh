#!/usr/bin/env bash
# Checks the dependencies: licences, sources and forbidden crates; that the bill of
# materials lists exactly the crates that are built; and that no crate of the workspace
# may contain unsafe code. Fails if any of these cannot be checked.
#
# Advisories are not checked, because their database is a git repository that not every
# machine can reach. docs/assurance.md says how to check them by hand.
#
# Set CARGO_DENY to use an installed cargo-deny. Otherwise the version below is built once
# and kept beside the target folder.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.20.2

if [ -z "${CARGO_DENY:-}" ]; then
  place="$(dirname "${CARGO_TARGET_DIR:-$HOME/.cache/aidlink/target}")/cargo-deny-$version"
  CARGO_DENY="$place/bin/cargo-deny"
  # A debug build takes one minute instead of several; the check takes seconds either way.
  [ -x "$CARGO_DENY" ] \
    || env -u CARGO_TARGET_DIR cargo install --quiet --debug --locked --root "$place" "cargo-deny@$version" \
    || { echo "cargo-deny $version could not be built: licences, sources and bans were not checked" >&2; exit 1; }
fi
# Duplicate versions of a crate are only a warning and are not shown.
"$CARGO_DENY" --locked --log-level error check --hide-inclusion-graph licenses sources bans

python3 tests/sbom.py --check
tree=(cargo tree --locked --package aidlink --package aidlink-centre --target x86_64-unknown-linux-gnu
  --edges "normal,build" --prefix none --no-dedupe --format '{p}')
built="$("${tree[@]}" | awk 'NF { sub(/^v/, "", $2); print $1, $2 }' | sort -u)"
named="$(python3 -c 'import json
for component in json.load(open("docs/sbom.cdx.json"))["components"]:
    print(component["name"], component["version"])' | sort)"
diff <(echo "$built") <(echo "$named") \
  || { echo "docs/sbom.cdx.json does not match the crates that are built (< built, > listed)" >&2; exit 1; }

# No crate of the workspace opts out of `unsafe_code = "forbid"`.
grep -q 'unsafe_code = "forbid"' Cargo.toml
for manifest in Cargo.toml crates/*/Cargo.toml; do
  grep -A1 '^\[lints\]' "$manifest" | grep -q 'workspace = true' \
    || { echo "$manifest does not use the lints of the workspace" >&2; exit 1; }
done
if grep -rnE 'allow\(unsafe_code\)|unsafe \{|unsafe fn|unsafe impl' --include='*.rs' src crates tests benches fuzz/fuzz_targets; then
  echo "unsafe code is forbidden; see the lines above" >&2
  exit 1
fi
echo "no unsafe code in the workspace"
