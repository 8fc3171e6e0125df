#!/usr/bin/env bash
# Makes one archive from which both programs build without a network: the sources of the
# last commit, the sources of every crate in Cargo.lock, and SHA256SUMS of all of them.
# Prints its path.
#
#   packaging/offline.sh [OUTPUT_FOLDER]
#
# The same commit gives the same archive. Crates are taken from Cargo's own cache, and those
# that are not there from the network. The fuzz targets have a lock file of their own, whose
# crates are not in the archive. docs/install.md says how to use it.
set -euo pipefail
cd "$(dirname "$0")/.."
output="${1:-${CARGO_TARGET_DIR:-target}/offline}"
umask 022

# Cargo prints `path+file:///FOLDER#NAME@VERSION` of a package.
number="$(cargo pkgid --locked --package aidlink | sed 's/.*[#@]//')"
name="aidlink-$number"
work="$(mktemp -d)"
# shellcheck disable=SC2064
trap "rm -rf -- '$work'" EXIT
git archive --prefix="$name/" HEAD | tar --extract --directory "$work"
(
  cd "$work/$name"
  mkdir -p .cargo
  # With `--quiet` it would not print the configuration either.
  cargo vendor --locked --versioned-dirs vendor > .cargo/config.toml 2> ../messages || {
    cat ../messages >&2
    echo "no archive was made: the sources of some crates are neither in Cargo's cache nor could they be fetched; run this where there is a network" >&2
    exit 1
  }
  find . -type f ! -path ./SHA256SUMS -print0 | LC_ALL=C sort -z | xargs -0 sha256sum > SHA256SUMS
)
mkdir -p -- "$output"
archive="$output/$name-offline.tar.zst"
tar --create --directory "$work" --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
  --mtime="@$(git log -1 --format=%ct)" --format=gnu "$name" \
  | zstd --quiet --force -6 -o "$archive"
echo "$archive"
