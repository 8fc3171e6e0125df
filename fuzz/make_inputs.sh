#!/usr/bin/env bash
# Makes the inputs that follow from the project's own files, so that none of them
# is kept twice or goes stale: shipped configuration, files by which something was
# found, and what the programs write today (token files, leads, manifests, logs).
#
#   bash fuzz/make_inputs.sh FOLDER AIDLINK AIDLINK_SCREEN
#
# They are written to FOLDER/TARGET/NAME.
set -euo pipefail
[ "$#" -eq 3 ] || { echo "usage: $0 FOLDER AIDLINK AIDLINK_SCREEN" >&2; exit 2; }
mkdir -p "$1"
out="$(cd "$1" && pwd)" aidlink="$(realpath "$2")" screen="$(realpath "$3")"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# put TARGET NAME PREFIX FILE: the file behind the byte by which the target chooses.
put() {
  mkdir -p "$out/$1"
  { printf '%b' "$3"; cat "$4"; } > "$out/$1/$2"
}
name_of() { basename "$1" | tr ' .' '--'; }

for file in schemas/*.json; do put configuration "schema-$(name_of "$file")" '\x00' "$file"; done
for file in calendars/*.toml; do put configuration "calendar-$(name_of "$file")" '\x01' "$file"; done
for file in policies/*.toml; do put configuration "policy-$(name_of "$file")" '\x02' "$file"; done
put round pooled-sample '' sample_data/2026Q3/round.toml
for file in tests/files/*.xls tests/files/hostile/*; do
  name="$(name_of "$file")"
  case "$file" in */hostile/*) name="found-$name" ;; esac
  case "$file" in
    *.tokens.parquet) put token_file "$name" '\x01' "$file" ;;
    *.parquet) put export "$name" '' "$file" ;;
    *) put export "$name" '' "$file"
       put workbook "$name" '\x00' "$file" ;;
  esac
done

# A split round of every step, in plain files.
place="$(mktemp -d)"
trap 'rm -rf -- "$place"' EXIT
mkdir -p "$place/tests/rounds"
cp -r policies schemas calendars "$place"
cp -r tests/rounds/hand-made "$place/tests/rounds/round"
cd "$place/tests/rounds/round"
sed -i 's/^mode = "pooled"/mode = "split"/' round.toml
printf '\n[sealing]\nplain = ["tokens", "leads"]\n' >> round.toml
sed 's#"\.\./\.\./\.\./#"../../#' round.toml > as-the-target-places-it.toml
put round split-hand-made '' as-the-target-places-it.toml

# A step ends with 3 where a threshold was passed: its files are there.
step() { "$@" > /dev/null || [ "$?" -eq 3 ] || { echo "failed: $*" >&2; exit 1; }; }
record() {
  { cat "$2/manifest.json"; printf '\x01'; cat "$2/audit.jsonl"; printf '\x01'; cat "$2/manifest.json.minisig"; } > record
  put record "$1" '' record
}
step "$aidlink" key new round.toml
put key_file key-of-this-program '' round.key
mapfile -t exports < <(sed -n 's/^schema = "\(.*\)"/\1/p' round.toml)
for export in "${exports[@]}"; do
  step "$aidlink" tokenise round.toml --export "$export" --output "at-$export"
  tokens="at-$export/to-centre/$export.tokens.parquet"
  put token_file "tokens-$(name_of "$export")" '\x01' "$tokens"
done
put token_file register-read-as-case-parties '\x02' "$tokens"
record tokenise "at-${exports[0]}"
step "$screen" run round.toml --tokens at-*/to-centre/*.tokens.parquet --output screened
record screen screened
put token_file leads '\x00' screened/to-procuratorate/leads.json
step "$aidlink" resolve round.toml --leads screened/to-procuratorate/leads.json --output resolved
record resolve resolved
