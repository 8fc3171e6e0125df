#!/usr/bin/env bash
# Makes the Debian package of both programs, with manual pages and completions. Prints its
# path.
#
#   packaging/debian.sh [--fast] [OUTPUT_FOLDER]
#
# --fast makes a larger package, a minute sooner.
# Needs dpkg-dev. What the package holds is in Cargo.toml, [package.metadata.deb]. The same
# commit gives the same package on the same system. DEBFULLNAME and DEBEMAIL name its
# maintainer, who is otherwise the author of the last commit.
#
# Set CARGO_DEB to use an installed cargo-deb. Otherwise the version below is built once and
# kept in the folder for tools of the other checks (tests/supply_chain.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
cargo_deb=3.8.0
options=(--no-build --locked)
[ "${1:-}" != --fast ] || { options+=(--fast); shift; }
tools="$(dirname "${CARGO_TARGET_DIR:-$HOME/.cache/aidlink/target}")"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
output="${1:-$CARGO_TARGET_DIR/debian}"
umask 022

fail() { echo "$*" >&2; exit 1; }
command -v dpkg-shlibdeps > /dev/null || fail "dpkg-shlibdeps is needed; install dpkg-dev"
if [ -z "${CARGO_DEB:-}" ]; then
  place="$tools/cargo-deb-$cargo_deb"
  CARGO_DEB="$place/bin/cargo-deb"
  # A debug build takes half a minute; a package takes seconds either way.
  [ -x "$CARGO_DEB" ] \
    || env -u CARGO_TARGET_DIR cargo install --quiet --debug --locked --root "$place" "cargo-deb@$cargo_deb" >&2 \
    || fail "cargo-deb $cargo_deb could not be built; without a network, set CARGO_DEB to an installed one"
fi

# The sources of a commit, or those of packaging/offline.sh, whose files have its time.
if [ -e .git ]; then
  made_at="$(git log -1 --format=%ct)"
  maintainer="$(git log -1 --format='%an <%ae>')"
else
  made_at="$(stat --format %Y Cargo.toml)"
  maintainer=
fi
[ -z "${DEBEMAIL:-}" ] || maintainer="${DEBFULLNAME:-$DEBEMAIL} <$DEBEMAIL>"
[ -n "$maintainer" ] || fail "set DEBFULLNAME and DEBEMAIL to the name and address of who makes the package"

cargo build --release --locked --workspace --bins --example manual >&2
made="$CARGO_TARGET_DIR/release/package"
rm -rf -- "$made"
"$CARGO_TARGET_DIR/release/examples/manual" "$made"
gzip --best --no-name "$made"/man/man1/*.1 "$made"/man/zh_CN/man1/*.1

# Cargo prints `path+file:///FOLDER#NAME@VERSION` of a package.
number="$(cargo pkgid --locked --package aidlink | sed 's/.*[#@]//')"
gzip --best --no-name > "$made/changelog.Debian.gz" << CHANGELOG
aidlink ($number-1) unstable; urgency=medium

  * Version $number. CHANGELOG.md in this folder says what is new.

 -- $maintainer  $(LC_ALL=C date --utc --date "@$made_at" "+%a, %d %b %Y %H:%M:%S +0000")
CHANGELOG

mkdir -p -- "$output"
# Not for the build above: the scripts that build C code would run again, and after them polars.
SOURCE_DATE_EPOCH="$made_at" "$CARGO_DEB" "${options[@]}" --maintainer "$maintainer" --output "$output/" > /dev/null
architecture="$(dpkg --print-architecture)"
echo "$output/aidlink_$number-1_$architecture.deb"
