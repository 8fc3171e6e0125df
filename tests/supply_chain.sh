#!/usr/bin/env bash
# What the program is built of: licences, sources, forbidden crates, advisories
# where their database can be had; that the bill of materials is of this lock
# file; that no crate of our own may hold unsafe code.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo deny --version > /dev/null 2>&1; then
  cargo install --quiet --locked cargo-deny@0.20.2 > /dev/null 2>&1 || true
fi
if cargo deny --version > /dev/null 2>&1; then
  cargo deny --locked check --hide-inclusion-graph licenses sources bans 2>&1 | grep -v "^warning\[duplicate\]" | tail -5
  if cargo deny --locked fetch > /dev/null 2>&1; then
    cargo deny --locked check advisories
  else
    echo "the database of advisories cannot be had here: not looked at"
  fi
else
  echo "cargo-deny cannot be had here: licences, sources and bans were not checked"
fi

python3 tests/sbom.py --check

# No crate of the workspace opts out of `unsafe_code = "forbid"`.
grep -q 'unsafe_code = "forbid"' Cargo.toml
for manifest in Cargo.toml crates/*/Cargo.toml; do
  grep -A1 '^\[lints\]' "$manifest" | grep -q 'workspace = true' || { echo "$manifest has lints of its own"; exit 1; }
done
if grep -rnE 'allow\(unsafe_code\)|unsafe \{|unsafe fn|unsafe impl' --include='*.rs' src crates tests benches fuzz/fuzz_targets; then
  echo "unsafe code"; exit 1
fi
echo "no unsafe code in the workspace"
