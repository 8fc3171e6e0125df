#!/usr/bin/env bash
# Checks that the `age` and `minisign` commands open and verify what aidlink seals
# and signs, and the reverse, for the round's key, token files and screened leads.
# Unsigned files and files signed by another office must be refused.
# Usage: tests/oracles/age.sh AIDLINK AIDLINK_SCREEN
set -euo pipefail
aidlink=$1 screen=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() { echo "$*" >&2; exit 1; }
assert_equal() { cmp --silent "$1" "$2" || fail "$3: $1 and $2 differ"; }

# split_signature OPENED PLAIN: writes the plain bytes of an opened file to PLAIN
# and the signature after them to PLAIN.minisig. The last eight digits of OPENED are
# the length of the signature.
split_signature() {
  local length
  length=$(tail -c 9 "$1")
  [[ $length =~ ^[0-9]{8}$ ]] || fail "$1 does not end with the length of a signature"
  length=$((10#$length))
  head -c -9 "$1" | tail -c "$length" > "$2.minisig"
  head -c -"$((length + 9))" "$1" > "$2"
}

# join_signature PLAIN OPENED: writes PLAIN, the signature in PLAIN.minisig and its
# length to OPENED.
join_signature() {
  { cat "$1" "$1.minisig"; printf '%08d\n' "$(wc -c < "$1.minisig")"; } > "$2"
}

# statement CONTENT TO: prints the trusted comment of a file between offices.
statement() {
  printf 'aidlink crossing; round %s; terms %s; content %s; key id %s; to %s' \
    "$round" "$terms" "$1" "$key_id" "$2"
}

# verify PLAIN OFFICE CONTENT TO: minisign must verify the office's signature, with
# this statement.
verify() {
  local stated
  stated=$(minisign -V -Q -p "keys/$2.pub" -m "$1") || fail "minisign does not verify $1"
  [ "$stated" = "$(statement "$3" "$4")" ] || fail "$1 states: $stated"
}

# sign PLAIN OFFICE CONTENT TO: replaces the signature by one of minisign.
sign() {
  rm -f "$1.minisig"
  minisign -S -s "keys/$2.key" -t "$(statement "$3" "$4")" -m "$1" > /dev/null < /dev/null
}

# assert_refused WORDS COMMAND...: the command must end with 1 and these words.
assert_refused() {
  local words=$1 status=0
  shift
  "$@" --lang en > /dev/null 2> refusal || status=$?
  if [ "$status" -ne 1 ] || ! grep -q "$words" refusal; then
    cat refusal >&2
    fail "expected exit code 1 with '$words', got $status: $*"
  fi
}

# Identities: one made by aidlink, the others by age-keygen.
ours=$("$aidlink" identity new ours.identity --lang en | awk '{print $NF}')
age-keygen -o theirs.identity 2> /dev/null
theirs=$(age-keygen -y theirs.identity)
age-keygen -o agency.identity 2> /dev/null
agency=$(age-keygen -y agency.identity)
[ "$(age-keygen -y ours.identity)" = "$ours" ]
chmod 600 ours.identity theirs.identity agency.identity

# Signing keys: some made by aidlink, some by minisign.
mkdir keys
for office in procuratorate civil-affairs education; do
  "$aidlink" signing new "keys/$office.key" > /dev/null
done
for office in disabled-federation veterans centre; do
  minisign -G -W -p "keys/$office.pub" -s "keys/$office.key" > /dev/null
  chmod 600 "keys/$office.key"
done

# A split round. The centre has an identity of age-keygen, the procuratorate one of
# aidlink.
"$aidlink" sample --seed 41 --dirt none --out round > /dev/null
sed -i 's/^mode = "pooled"/mode = "split"/' round/round.toml
{
  printf '\n[sealing]\ncentre = "%s"\nprocuratorate = "%s"\n' "$theirs" "$ours"
  printf '\n[signing.signers]\n'
  for public in keys/*.pub; do
    printf '%s = "%s"\n' "$(basename "$public" .pub)" "$(tail -n 1 "$public")"
  done
} >> round/round.toml
"$aidlink" key new round/round.toml > /dev/null
round=$(sed -nE 's/^round = "(.*)"/\1/p' round/round.toml)
terms=$("$aidlink" round terms round/round.toml --lang en | grep -oE '[0-9a-f]{64}')
key_id=$("$aidlink" key id round/round.toml)

# The key: sealed by aidlink and opened by age, and the reverse.
"$aidlink" key seal round/round.toml --recipient "$agency" --out key.age \
  --signing-key keys/procuratorate.key > /dev/null
age --decrypt --identity agency.identity --output key.opened key.age
split_signature key.opened key.plain
assert_equal key.plain round/round.key "the key, sealed by aidlink"
verify key.plain procuratorate key "$agency"
mv round/round.key round.key.kept
open_key() {
  "$aidlink" key open round/round.toml --sealed "$1" --identity ours.identity "${@:2}"
}
age --encrypt --recipient "$ours" --output key-unsigned.age key.plain
assert_refused 'no sender.s signature' open_key key-unsigned.age
age --encrypt --recipient "$ours" --output key-passed-on.age key.opened
assert_refused 'states the wrong recipient' open_key key-passed-on.age
sign key.plain veterans key "$ours"
join_signature key.plain key.opened
age --encrypt --recipient "$ours" --output key-of-another.age key.opened
assert_refused 'the file was not signed by' open_key key-of-another.age
sign key.plain procuratorate key "$ours"
join_signature key.plain key.opened
age --encrypt --recipient "$ours" --output key2.age key.opened
open_key key2.age > /dev/null
assert_equal round/round.key round.key.kept "the key, sealed by age"

# Token files: opened by age, verified and signed again by minisign, sealed again
# by age, and screened by aidlink-screen.
for export in procuratorate.case-parties procuratorate.referrals civil-affairs.assistance \
  education.students disabled-federation.persons veterans.persons; do
  office=${export%%.*}
  "$aidlink" tokenise round/round.toml --export "$export" --output "round/at-$export" \
    --signing-key "keys/$office.key" > /dev/null
  name="$export.tokens.parquet"
  age --decrypt --identity theirs.identity --output opened "round/at-$export/to-centre/$name.age"
  split_signature opened "$name"
  [ "$(tail -c 4 "$name")" = PAR1 ] || fail "$name does not end as a Parquet file"
  verify "$name" "$office" "tokens $export" "$theirs"
  sign "$name" "$office" "tokens $export" "$theirs"
  join_signature "$name" opened
  age --encrypt --recipient "$theirs" --output "$name.age" opened
done
run_screen() {
  "$screen" run round/round.toml --identity theirs.identity --signing-key keys/centre.key "$@"
}
run_screen --tokens ./*.tokens.parquet.age --output round/screened > /dev/null
name=veterans.persons.tokens.parquet
screen_wrong() {
  local files=(procuratorate.*.tokens.parquet.age civil-affairs.*.tokens.parquet.age)
  run_screen --tokens "${files[@]}" wrong.age --output round/wrong "$@"
}
age --encrypt --recipient "$theirs" --output wrong.age "$name"
assert_refused 'no sender.s signature' screen_wrong
rm wrong.age
sign "$name" education "tokens veterans.persons" "$theirs"
join_signature "$name" opened
age --encrypt --recipient "$theirs" --output wrong.age opened
assert_refused 'the file was not signed by' screen_wrong
rm wrong.age
sign "$name" veterans "tokens veterans.persons" "$ours"
join_signature "$name" opened
age --encrypt --recipient "$theirs" --output wrong.age opened
assert_refused 'states the wrong recipient' screen_wrong
[ ! -e round/wrong ] || fail "refused token files were screened"

# The leads: opened by age, signed and sealed again, and resolved by aidlink.
leads=round/screened/to-procuratorate/leads.json.age
age --decrypt --identity ours.identity --output opened "$leads"
split_signature opened leads.json
grep -q '"format":"aidlink screened leads"' leads.json
verify leads.json centre leads "$ours"
sign leads.json centre leads "$ours"
join_signature leads.json opened
age --encrypt --recipient "$ours" --output leads.json.age opened
resolve() {
  "$aidlink" resolve round/round.toml --leads "$1" --identity ours.identity \
    --signing-key keys/procuratorate.key --output "${@:2}"
}
for from in "$leads" leads.json.age; do
  resolve "$from" "round/resolved-$(basename "$(dirname "$from")")" > /dev/null
done
diff -r round/resolved-to-procuratorate/lists round/resolved-./lists
sign leads.json civil-affairs leads "$ours"
join_signature leads.json opened
age --encrypt --recipient "$ours" --output leads-of-another.age opened
assert_refused 'the file was not signed by' resolve leads-of-another.age round/resolved-wrong

echo "age and minisign open and verify what aidlink seals and signs, and the reverse" \
  "($(age --version), $(minisign -v))"
