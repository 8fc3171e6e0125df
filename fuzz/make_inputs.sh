#!/usr/bin/env bash
# Makes fuzz inputs from the project's own files, so that they are not kept twice and
# do not go stale: shipped configuration, files from earlier findings, and the current
# output of the programs (token files, leads, manifests, logs).
#
#   bash fuzz/make_inputs.sh FOLDER AIDLINK AIDLINK_SCREEN
#
# Writes them to FOLDER/TARGET/NAME.
set -euo pipefail
[ "$#" -eq 3 ] || { echo "usage: $0 FOLDER AIDLINK AIDLINK_SCREEN" >&2; exit 2; }
mkdir -p "$1"
out="$(cd "$1" && pwd)" aidlink="$(realpath "$2")" screen="$(realpath "$3")"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# add TARGET NAME PREFIX FILE: adds the file as an input, after the byte by which the
# target chooses.
add() {
  mkdir -p "$out/$1"
  { printf '%b' "$3"; cat "$4"; } > "$out/$1/$2"
}
name_of() { basename "$1" | tr ' .' '--'; }

for file in schemas/*.json; do add configuration "schema-$(name_of "$file")" '\x00' "$file"; done
for file in calendars/*.toml; do add configuration "calendar-$(name_of "$file")" '\x01' "$file"; done
for file in policies/*.toml; do add configuration "policy-$(name_of "$file")" '\x02' "$file"; done
add round pooled-sample '' sample_data/2026Q3/round.toml
for file in tests/files/*.xls tests/files/hostile/*; do
  name="$(name_of "$file")"
  case "$file" in */hostile/*) name="found-$name" ;; esac
  case "$file" in
    *.tokens.parquet) add token_file "$name" '\x01' "$file" ;;
    *.parquet) add export "$name" '' "$file" ;;
    *) add export "$name" '' "$file"
       add workbook "$name" '\x00' "$file" ;;
  esac
done

# The number of the schema, and blocks of 128 and of 1024 bytes.
number=0
for schema in schemas/*.json; do
  name="$(basename "$schema" .json)"
  for file in "tests/rounds/hand-made/$name.csv" "sample_data/2026Q3/$name.csv"; do
    [ -f "$file" ] || continue
    head -n 60 "$file" > "$out/alike-rows"
    at="$(printf '\\x%02x' "$number")"
    add alike "small-blocks-$(name_of "$(dirname "$file")-$name")" "$at\x80\x00" "$out/alike-rows"
    add alike "blocks-$(name_of "$(dirname "$file")-$name")" "$at\x00\x04" "$out/alike-rows"
    rm -- "$out/alike-rows"
  done
  number=$((number + 1))
done

for file in tests/files/filled/*; do add register_tables "$(name_of "$file")" '' "$file"; done

folder="$(mktemp -d)"
trap 'rm -rf -- "$folder"' EXIT

# A register with the leads of a ledger, its head and its key; the ledger that it writes.
printf '姓名,拟救助项目,发现日期,案号,核查结论,核查日期\n王小明,低保,2026-09-01,案1,确认,2026-09-03\n李小红,临时救助,2026-09-01,案2,,\n' > "$folder/ledger.csv"
add register_tables ledger '' "$folder/ledger.csv"
printf '线索编号,事项,日期,核查结论,理由\n04HM-ASW9-dibao,核查,2026-10-09,不予移送,收入超标\n' > "$folder/events.csv"
add register_tables events '' "$folder/events.csv"
register="$folder/register/register.db"
"$aidlink" register init "$folder/register" --operator clerk > /dev/null
"$aidlink" register import "$folder/ledger.csv" --register "$register" --policy shaoguan --operator clerk > /dev/null
for file in "$register" "$register.head.json" "$folder/register/register.key"; do add register_files "$(name_of "$file")" '' "$file"; done
for format in csv xlsx; do
  "$aidlink" register export --register "$register" --policy shaoguan --format "$format" --out "$folder/out.$format" > /dev/null
  add register_tables "export-$format" '' "$folder/out.$format"
done

# Run every step of a split round with plain files.
mkdir -p "$folder/tests/rounds"
cp -r policies schemas calendars "$folder"
cp -r tests/rounds/hand-made "$folder/tests/rounds/round"
cd "$folder/tests/rounds/round"
sed -i 's/^mode = "pooled"/mode = "split"/' round.toml
printf '\n[sealing]\nplain = ["tokens", "leads"]\n\n[signing.signers]\n' >> round.toml
for office in procuratorate centre civil-affairs education disabled-federation veterans; do
  echo "$office = \"$("$aidlink" signing new "$office.signing.key" --quiet)\"" >> round.toml
done
sed 's#"\.\./\.\./\.\./#"../../#' round.toml > as-the-target-places-it.toml
add round split-hand-made '' as-the-target-places-it.toml

# A step ends with 3 if a threshold was passed; its files are complete.
step() { "$@" > /dev/null || [ "$?" -eq 3 ] || { echo "failed: $*" >&2; exit 1; }; }
record() {
  { cat "$2/manifest.json"; printf '\x01'; cat "$2/audit.jsonl"; printf '\x01'; cat "$2/manifest.json.minisig"; } > record
  add record "$1" '' record
}
step "$aidlink" key new round.toml
add key_file key-of-this-program '' round.key
mapfile -t exports < <(sed -n 's/^schema = "\(.*\)"/\1/p' round.toml)
for export in "${exports[@]}"; do
  step "$aidlink" tokenise round.toml --export "$export" --output "at-$export" --signing-key "${export%%.*}.signing.key"
  tokens="at-$export/to-centre/$export.tokens.parquet"
  add token_file "tokens-$(name_of "$export")" '\x01' "$tokens"
done
add token_file register-read-as-case-parties '\x02' "$tokens"
record tokenise "at-${exports[0]}"
step "$screen" run round.toml --tokens at-*/to-centre/*.tokens.parquet --output screened --signing-key centre.signing.key
record screen screened
add token_file leads '\x00' screened/to-procuratorate/leads.json
step "$aidlink" resolve round.toml --leads screened/to-procuratorate/leads.json --output resolved --signing-key procuratorate.signing.key
record resolve resolved
