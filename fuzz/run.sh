#!/usr/bin/env bash
# Runs fuzz targets one after another and prints a summary of each.
#
#   bash fuzz/run.sh SECONDS [TARGET...]
#
# Each target runs for SECONDS; without names every target runs. Needs cargo-fuzz
# (`cargo install cargo-fuzz --locked`), a C++ compiler and a Rust toolchain, which may
# be stable. A target starts with the inputs in fuzz/seeds and those of make_inputs.sh;
# runs change neither. New inputs of a run go to fuzz/work/TARGET, where the next run
# continues, and inputs that cause a failure go to fuzz/artifacts/TARGET.
#
# Exit codes: 0 nothing found, 1 something found, 2 wrong usage.
set -euo pipefail

declare -A longest=(
  [national_id]=256 [pass]=4096 [alike]=8192 [export]=32768 [headers_and_encodings]=16384
  [workbook]=32768 [sheet]=32768 [token_file]=32768 [sealed_file]=8192 [key_file]=2048
  [round]=8192 [configuration]=131072 [rule_language]=9000 [record]=65536
  [register_tables]=32768 [register_files]=65536
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

# Lets a stable compiler accept the flags of cargo-fuzz.
export RUSTC_BOOTSTRAP=1
# aidlink has no `unsafe` code, so a sanitizer would only check libraries, at half the
# speed.
build=(--sanitizer "${SANITIZER:-none}")
# Threads do not speed up small inputs.
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
    [ "$findings" -gt 0 ] || findings="exit code $status"
  fi
  statistic() { sed -n "s/^stat::$1: *//p" "$log" | tail -n 1; }
  covered() { grep -aoE "$1.* cov: [0-9]+" "$log" | grep -oE '[0-9]+$' | "$2" -n 1; }
  # A target that fails at its first input reports no coverage.
  initial="$(covered INITED head || true)" reached="$(covered '' tail || true)"
  results+=("$target: $(statistic number_of_executed_units) executions, $((${reached:-0} - ${initial:-0})) new places covered, $(statistic peak_rss_mb) MB peak memory, findings: $findings")
done
printf '%s\n' "${results[@]}"
exit "$found"
