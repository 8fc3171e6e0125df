#!/usr/bin/env bash
# Runs fuzz targets one after another, and says at the end what each did.
#
#   bash fuzz/run.sh SECONDS [TARGET...]
#
# SECONDS is for each target; without names every target is run. It needs
# `cargo install cargo-fuzz --locked`, a C++ compiler and the toolchain; the
# stable one will do. A target begins with the inputs of fuzz/seeds and with those
# that make_inputs.sh makes of the project's own files; no run changes either. What
# a run adds goes to fuzz/work/TARGET, from where the next one goes on, and inputs by
# which something was found go to fuzz/artifacts/TARGET.
#
# Exit codes: 0 nothing was found, 1 something was, 2 wrong usage.
set -euo pipefail

declare -A longest=(
  [national_id]=256 [pass]=4096 [export]=32768 [headers_and_encodings]=16384
  [workbook]=32768 [sheet]=32768 [token_file]=32768 [sealed_file]=8192 [key_file]=2048
  [round]=8192 [configuration]=131072 [rule_language]=9000 [record]=65536
)

usage() {
  echo "usage: $0 SECONDS [TARGET...]" >&2
  exit 2
}
[ "$#" -ge 1 ] || usage
seconds=$1
shift
[[ $seconds =~ ^[1-9][0-9]*$ ]] || usage

cd "$(dirname "${BASH_SOURCE[0]}")"
programs="${CARGO_TARGET_DIR:-$PWD/../target}/release"
cargo build --release --quiet --workspace --bins --locked --manifest-path ../Cargo.toml
rm -rf work/.made
bash make_inputs.sh work/.made "$programs/aidlink" "$programs/aidlink-screen"

# The flags of cargo-fuzz are not those of a stable compiler.
export RUSTC_BOOTSTRAP=1
# Own code has no `unsafe`, so a sanitizer would look at libraries alone, at
# half the speed.
build=(--sanitizer "${SANITIZER:-none}")
# Small inputs gain nothing by threads.
export RAYON_NUM_THREADS=1 POLARS_MAX_THREADS=1
memory=${TMPDIR:-/tmp}
[ -w /dev/shm ] && memory=/dev/shm
TMPDIR="$(mktemp -d "$memory/aidlink-fuzz.XXXXXXXX")"
export TMPDIR
trap 'rm -rf -- "$TMPDIR"' EXIT

mapfile -t all < <(cargo fuzz list)
targets=("$@")
[ "$#" -gt 0 ] || targets=("${all[@]}")
for target in "${targets[@]}"; do
  [ -n "${longest[$target]-}" ] || { echo "there is no target $target" >&2; exit 2; }
done
if [ "$#" -eq 1 ]; then
  cargo fuzz build "${build[@]}" "$1"
else
  cargo fuzz build "${build[@]}"
fi

found=0
results=()
for target in "${targets[@]}"; do
  mkdir -p "work/$target" "artifacts/$target"
  inputs=()
  for folder in "seeds/$target" "work/.made/$target"; do
    [ ! -d "$folder" ] || inputs+=("$folder")
  done
  log="work/$target.log"
  before="$(find "artifacts/$target" -type f | sort)"
  status=0
  cargo fuzz run "${build[@]}" "$target" "work/$target" "${inputs[@]}" -- \
    -max_total_time="$seconds" -max_len="${longest[$target]}" -rss_limit_mb=2048 \
    -timeout=20 -print_final_stats=1 >"$log" 2>&1 || status=$?
  after="$(find "artifacts/$target" -type f | sort)"
  findings="$(comm -13 <(printf '%s\n' "$before") <(printf '%s\n' "$after") | grep -c . || true)"
  if [ "$status" -ne 0 ] || [ "$findings" -gt 0 ]; then
    found=1
    tail -n 40 "$log" >&2
    [ "$findings" -gt 0 ] || findings="it ended with $status"
  fi
  of() { sed -n "s/^stat::$1: *//p" "$log" | tail -n 1; }
  covered() { grep -aoE "$1.* cov: [0-9]+" "$log" | grep -oE '[0-9]+$' | "$2" -n 1; }
  # A target that fails at its first input covers nothing.
  inited="$(covered INITED head || true)" reached="$(covered '' tail || true)"
  results+=("$target: $(of number_of_executed_units) executions, $((${reached:-0} - ${inited:-0})) new places covered, $(of peak_rss_mb) MB at most, findings: $findings")
done
printf '%s\n' "${results[@]}"
exit "$found"
