#!/usr/bin/env bash
# What aidlink seals, the ordinary `age` command opens, and the other way round:
# a round's key, a token file, the screened leads.
# Usage: tests/oracles/age.sh AIDLINK AIDLINK_SCREEN
set -euo pipefail
aidlink=$1 screen=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

equal() { cmp --silent "$1" "$2" || { echo "$3: $1 and $2 differ" >&2; exit 1; }; }

# Identities: one of ours, one of age-keygen's.
ours=$("$aidlink" identity new ours.identity --lang en | awk '{print $NF}')
age-keygen -o theirs.identity 2> /dev/null
theirs=$(age-keygen -y theirs.identity)
age-keygen -o agency.identity 2> /dev/null
agency=$(age-keygen -y agency.identity)
[ "$(age-keygen -y ours.identity)" = "$ours" ]

# A split round whose centre and procuratorate have an identity of each kind.
"$aidlink" sample --seed 41 --dirt none --out round > /dev/null
sed -i 's/^mode = "pooled"/mode = "split"/' round/round.toml
printf '\n[sealing]\ncentre = "%s"\nprocuratorate = "%s"\n' "$theirs" "$ours" >> round/round.toml
"$aidlink" key new round/round.toml > /dev/null

# The key: sealed by us and opened by age; sealed by age and opened by us.
"$aidlink" key seal round/round.toml --recipient "$agency" --out key.age > /dev/null
age --decrypt --identity agency.identity --output key.plain key.age
equal key.plain round/round.key "the key, sealed by aidlink"
age --encrypt --recipient "$ours" --output key2.age key.plain
mv round/round.key round.key.kept
chmod 600 ours.identity
"$aidlink" key open round/round.toml --sealed key2.age --identity ours.identity > /dev/null
equal round/round.key round.key.kept "the key, sealed by age"

# Token files: opened by age, sealed again by age, and screened.
for export in procuratorate.case-parties procuratorate.referrals civil-affairs.assistance \
  education.students disabled-federation.persons veterans.persons; do
  "$aidlink" tokenise round/round.toml --export "$export" --output "round/at-$export" > /dev/null
  name="$export.tokens.parquet"
  age --decrypt --identity theirs.identity --output "$name" "round/at-$export/to-centre/$name.age"
  age --encrypt --recipient "$theirs" --output "$name.age" "$name"
  rm "$name"
done
chmod 600 theirs.identity
"$screen" run round/round.toml --tokens ./*.tokens.parquet.age --identity theirs.identity \
  --output round/screened > /dev/null

# The leads: opened by age, and sealed again by age for us.
leads=round/screened/to-procuratorate/leads.json.age
age --decrypt --identity ours.identity --output leads.json "$leads"
grep -q '"format":"aidlink screened leads"' leads.json
age --encrypt --recipient "$ours" --output leads.json.age leads.json
for from in "$leads" leads.json.age; do
  "$aidlink" resolve round/round.toml --leads "$from" --identity ours.identity \
    --output "round/resolved-$(basename "$(dirname "$from")")" > /dev/null
done
diff -r round/resolved-to-procuratorate/lists round/resolved-./lists

echo "age opens what aidlink seals and the other way round ($(age --version))"
