#!/usr/bin/env bash
# A whole split round among offices that cannot look into each other's folders:
# five agencies (the procuratorate is one of them, for its case parties and
# referrals), a centre without the key, and the procuratorate again, which
# resolves. Each office is a system user with a folder of mode 0700; root plays
# the courier between them. The match lists must be byte for byte those of a
# pooled run on the same exports with the same key.
#
#   sudo tests/walk_through.sh PATH/TO/aidlink PATH/TO/aidlink-screen
#
# It needs root. The users that it makes, and its folder under TMPDIR (else
# /tmp), are removed at the end, also when it fails or is interrupted. A user
# that is there already is used and kept, unless an earlier walk-through made it
# and was killed.
#
# Exit codes: 0 passed, 1 failed, 2 wrong usage, 77 skipped.
set -euo pipefail

agencies=(civil-affairs education disabled-federation veterans procuratorate)
offices=("${agencies[@]}" centre)
declare -A user_of=(
  [civil-affairs]=aidlink-civil
  [education]=aidlink-education
  [disabled-federation]=aidlink-disabled
  [veterans]=aidlink-veterans
  [procuratorate]=aidlink-procuratorate
  [centre]=aidlink-centre
)

skip() { printf 'skipped: %s\n' "$*"; exit 77; }
# The script's own standard error, where that of a command is redirected.
exec 7>&2
told=
fail() { printf 'FAILED: %s\n' "$*" >&7; told=yes; exit 1; }
step() { printf '\n%s\n' "$*"; }
ok() { printf '  ok: %s\n' "$*"; }

if [ "$#" -ne 2 ]; then
  echo "usage: $0 PATH/TO/aidlink PATH/TO/aidlink-screen" >&2
  exit 2
fi
[ "$EUID" -eq 0 ] || skip "this needs root, to make system users and to carry files between them"
for tool in useradd userdel setpriv flock age minisign; do
  command -v "$tool" >/dev/null || skip "this needs the command $tool"
done
for binary in "$1" "$2"; do
  if [ ! -f "$binary" ] || [ ! -x "$binary" ]; then
    echo "$binary is no command; build with: cargo build --release --workspace" >&2
    exit 2
  fi
done

# Two walk-throughs at a time would remove each other's users.
exec 8<"${BASH_SOURCE[0]}"
flock --nonblock 8 || fail "another walk-through is running"

base=
made_users=()
comment="made by a walk-through of aidlink"

remove_user() {
  local user=$1
  for _ in {1..20}; do
    id -u "$user" >/dev/null 2>&1 || break
    # Refused while a process of the user is about to end.
    userdel "$user" 2>/dev/null || sleep 0.25
  done
  if getent group "$user" >/dev/null; then groupdel "$user"; fi
  ! id -u "$user" >/dev/null 2>&1
}

clean_up() {
  local status=$1 command=$2 user
  trap '' INT TERM HUP PIPE
  set +eux
  exec 2>&7
  if [ "$status" -gt 128 ]; then
    echo "interrupted" >&2
  elif [ "$status" -ne 0 ] && [ -z "$told" ]; then
    echo "FAILED: exit code $status of: $command" >&2
  fi
  for user in "${made_users[@]}"; do
    remove_user "$user" || { echo "the user $user could not be removed" >&2; status=1; }
  done
  if [ -n "$base" ]; then
    rm -rf -- "$base" || { echo "$base could not be removed" >&2; status=1; }
  fi
  exit "$status"
}
trap 'clean_up "$?" "$BASH_COMMAND"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM

export LC_ALL=C
umask 077
base="$(mktemp -d "${TMPDIR:-/tmp}/aidlink-walk-through.XXXXXXXX")"
base="$(realpath "$base")"
chmod 0711 "$base"
# The courier's own folder: the round as it was made, what the commands said,
# and a trace of every command of this script with its arguments.
courier="$base/courier"
public="$base/public"
mkdir "$courier"
exec 9>"$courier/trace"
BASH_XTRACEFD=9
set -x

# --- How an office works -------------------------------------------------------

# Runs a command as an office's user: with nothing of root's environment, and
# with a umask that takes nothing away, so that modes are the command's own.
# `env` comes after `setpriv`, which itself still has root's capabilities when it
# looks a command up.
as() {
  local user=${user_of[$1]}
  shift
  (
    umask 000
    exec setpriv --reuid="$(id -u "$user")" --regid="$(id -g "$user")" --init-groups --no-new-privs \
      -- env -i PATH=/usr/bin:/bin LC_ALL=C "$@" 7>&- 8<&- 9>&-
  ) </dev/null
}

# expect CODES OFFICE COMMAND...: the command ends with one of the codes. What it
# said is then in said and faults, in the courier's folder.
expect() {
  local codes=$1 office=$2 status=0
  shift 2
  as "$office" "$@" >"$courier/said" 2>"$courier/faults" || status=$?
  [[ " $codes " == *" $status "* ]] || {
    cat "$courier/said" "$courier/faults" >&2
    fail "at $office, exit code $status instead of ${codes// / or }: $*"
  }
}

# carry FILE OFFICE NAME: a copy becomes the office's own.
carry() {
  install --mode=0600 --owner="${user_of[$2]}" --group="$(id -g "${user_of[$2]}")" \
    -- "$1" "$base/$2/$3"
}

# The recipient that an identity command printed.
recipient_said() { grep -oE 'age1[0-9a-z]{58}' "$courier/said"; }

# apart OPENED PLAIN: the signature behind the plain bytes inside a seal, taken off
# into PLAIN.minisig. Its length stands at the end, in eight digits.
apart() {
  local length
  length="$(tail -c 9 "$1")"
  [[ $length =~ ^[0-9]{8}$ ]] || fail "$1 does not end with the length of a signature"
  length=$((10#$length))
  head -c -9 "$1" | tail -c "$length" >"$2.minisig"
  head -c -"$((length + 9))" "$1" >"$2"
}

# signed_by OFFICE PLAIN CONTENT: by the office's public key, for this content.
signed_by() {
  local stated
  stated="$(minisign -V -Q -p "$base/$1/signing.pub" -m "$2" 2>"$courier/faults")" ||
    fail "minisign does not verify that $1 signed $2"
  [[ $stated == "aidlink crossing; round "*"; terms $terms; content $3; key id $key_id; to age1"* ]] ||
    fail "the signature of $2 states: $stated"
}

# absent PATTERNS PATH...: no file holds one of the patterns, byte for byte.
absent() {
  local status=0
  [ -s "$1" ] || fail "there is nothing to search for in $1"
  grep -rlaF -f "$1" -- "${@:2}" >"$courier/found" || status=$?
  case $status in
    1) ;;
    0) cat "$courier/found" >&2; fail "the files above hold what they must not ($(basename "$1"))" ;;
    *) fail "the search ended with $status" ;;
  esac
}

# --- Offices, exports, public files --------------------------------------------

step "Offices"
nologin="$(command -v nologin || echo /bin/false)"
for office in "${offices[@]}"; do
  user=${user_of[$office]}
  if ! id -u "$user" >/dev/null 2>&1; then
    # Else the end would remove a group that is not the walk-through's.
    ! getent group "$user" >/dev/null || fail "there is a group $user without its user"
    made_users+=("$user")
    useradd --system --user-group --no-create-home --shell "$nologin" --comment "$comment" "$user"
  elif [ "$(getent passwd "$user" | cut -d: -f5)" = "$comment" ]; then
    made_users+=("$user")
  else
    echo "  the user $user is there already and is kept"
  fi
  install --directory --mode=0700 --owner="$user" --group="$(id -g "$user")" "$base/$office"
done
uids="$(for office in "${offices[@]}"; do id -u "${user_of[$office]}"; done | sort -u)"
[ "$(grep -cvx 0 <<<"$uids")" -eq "${#offices[@]}" ] || fail "the offices are not users of their own"

install --directory --mode=0755 "$base/bin"
install --mode=0755 -- "$1" "$base/bin/aidlink"
install --mode=0755 -- "$2" "$base/bin/aidlink-screen"
aidlink=("$base/bin/aidlink" --lang en)
aidlink_screen=("$base/bin/aidlink-screen" --lang en)
cd "$base"
for office in "${offices[@]}"; do
  as "$office" "$base/bin/aidlink" --version >/dev/null 2>&1 ||
    fail "$office cannot run a command in $base; set TMPDIR to a folder whose commands every user may run"
done
ok "${#offices[@]} offices, each a user of its own with a folder of mode 0700"

"${aidlink[@]}" sample --seed 31 --out "$courier/round" >"$courier/said"
mapfile -t exports < <(awk -F'"' '
  /^schema = / { schema = $2 }
  /^path = / { print schema, $2 }' "$courier/round/round.toml")
[ "${#exports[@]}" -ge "${#agencies[@]}" ] || fail "the exports of the sample's round file were not found"
for export in "${exports[@]}"; do
  read -r schema file <<<"$export"
  office=${schema%%.*}
  [ -n "${user_of[$office]-}" ] || fail "no office has the export $schema"
  carry "$courier/round/$file" "$office" "$file"
done
install --directory --mode=0755 "$public"
cp -r "$courier"/round/{policies,schemas,calendars} "$public"
chmod -R a+rX "$public"
ok "each agency has its own of the ${#exports[@]} exports; policy, schemas and calendar are public"

# --- Identities, signing keys, round file, key ---------------------------------

step "Identities, signing keys, round file, key"
declare -A recipient_of signer_of
for office in "${offices[@]}"; do
  if [ "$office" = centre ]; then
    program=("${aidlink_screen[@]}")
  else
    program=("${aidlink[@]}")
  fi
  expect 0 "$office" "${program[@]}" identity new "$base/$office/identity"
  recipient_of[$office]="$(recipient_said)"
  expect 0 "$office" "${program[@]}" signing new "$base/$office/signing.key"
  signer_of[$office]="$(tail -n 1 "$base/$office/signing.pub")"
  grep -qF -e "${signer_of[$office]}" "$courier/said" || fail "$office was told another public key than its own"
done
ok "each office made its own identity and signing key; only the public halves left it"

{
  sed -e 's|^mode = "pooled".*|mode = "split"|' \
    -e 's#^\(policy\|schemas\|calendar\) = "#&../public/#' "$courier/round/round.toml"
  printf '\n[sealing]\ncentre = "%s"\nprocuratorate = "%s"\n' \
    "${recipient_of[centre]}" "${recipient_of[procuratorate]}"
  printf '\n[signing.signers]\n'
  for office in "${offices[@]}"; do
    printf '%s = "%s"\n' "$office" "${signer_of[$office]}"
  done
} >"$courier/split.toml"
for office in "${offices[@]}"; do
  carry "$courier/split.toml" "$office" round.toml
done
ok "one round file for all, with the recipients of the centre and the procuratorate and all public keys"

terms=
for office in "${offices[@]}"; do
  program=("${aidlink[@]}")
  [ "$office" != centre ] || program=("${aidlink_screen[@]}")
  expect 0 "$office" "${program[@]}" round terms "$base/$office/round.toml"
  digest="$(grep -oE '\b[0-9a-f]{64}\b' "$courier/said")"
  [ "$digest" = "${terms:=$digest}" ] || fail "$office has other terms of the round"
done
ok "all offices print the same digest of the terms"

holder="$base/procuratorate"
expect 0 procuratorate "${aidlink[@]}" key new "$holder/round.toml"
expect 0 procuratorate "${aidlink[@]}" key id "$holder/round.toml"
key_id="$(cat "$courier/said")"
[[ $key_id =~ ^[0-9a-f]{16}$ ]] || fail "this is no key id: $key_id"
for agency in "${agencies[@]}"; do
  [ "$agency" != procuratorate ] || continue
  expect 0 procuratorate "${aidlink[@]}" key seal "$holder/round.toml" \
    --recipient "${recipient_of[$agency]}" --out "$holder/key-for-$agency.age"
done
# A letter that went astray first.
carry "$holder/key-for-civil-affairs.age" education astray.age
expect 1 education "${aidlink[@]}" key open "$base/education/round.toml" \
  --sealed "$base/education/astray.age" --identity "$base/education/identity"
grep -q 'sealed to another recipient' "$courier/faults" || fail "education was refused for another reason"
[ ! -e "$base/education/round.key" ] || fail "education has a key from another's letter"
rm "$base/education/astray.age"
ok "the key sealed to civil-affairs does not open at education"
for agency in "${agencies[@]}"; do
  [ "$agency" != procuratorate ] || continue
  folder="$base/$agency"
  carry "$holder/key-for-$agency.age" "$agency" key.age
  expect 0 "$agency" "${aidlink[@]}" key open "$folder/round.toml" \
    --sealed "$folder/key.age" --identity "$folder/identity"
  expect 0 "$agency" "${aidlink[@]}" key id "$folder/round.toml"
  [ "$(cat "$courier/said")" = "$key_id" ] || fail "$agency opened another key than $key_id"
done
ok "the procuratorate's key, sealed to each agency and opened there, has the id $key_id at all five"

# --- Tokenise, screen, resolve -------------------------------------------------

step "Tokenise, screen, resolve"
as centre mkdir -m 0700 "$base/centre/received"
for export in "${exports[@]}"; do
  read -r schema file <<<"$export"
  office=${schema%%.*}
  folder="$base/$office"
  # 3: done, but more rows were rejected than the round allows.
  expect '0 3' "$office" "${aidlink[@]}" tokenise "$folder/round.toml" \
    --export "$schema" --output "$folder/sent-$schema"
  sealed="$schema.tokens.parquet.age"
  carry "$folder/sent-$schema/to-centre/$sealed" centre "received/$sealed"
  ok "$office tokenised $schema"
done

# The procuratorate holds the key: it must not see another agency's tokens.
sealed=civil-affairs.assistance.tokens.parquet.age
carry "$base/centre/received/$sealed" procuratorate astray.parquet.age
expect 1 procuratorate "${aidlink_screen[@]}" run "$holder/round.toml" \
  --tokens "$holder/astray.parquet.age" --identity "$holder/identity" --output "$holder/astray"
grep -q 'does not match the public key of centre in the round file' "$courier/faults" ||
  fail "the procuratorate was refused for another reason"
[ ! -e "$holder/astray" ] || fail "the procuratorate has a screening"
expect 1 procuratorate age --decrypt --identity "$holder/identity" --output "$holder/astray" \
  "$holder/astray.parquet.age"
grep -q 'no identity matched' "$courier/faults" || fail "age refused the procuratorate for another reason"
[ ! -s "$holder/astray" ] || fail "the procuratorate opened the tokens of civil-affairs"
rm -f "$holder/astray.parquet.age" "$holder/astray"
ok "the procuratorate, which holds the key, cannot open the tokens of civil-affairs"

folder="$base/centre"
screened=0
as centre "${aidlink_screen[@]}" run "$folder/round.toml" --tokens "$folder/received" \
  --identity "$folder/identity" --output "$folder/screened" \
  >"$courier/said" 2>"$courier/faults" || screened=$?
[ "$screened" -eq 0 ] || [ "$screened" -eq 3 ] || {
  cat "$courier/faults" >&2
  fail "at the centre, exit code $screened"
}
ok "the centre screened ${#exports[@]} token files"

carry "$folder/screened/to-procuratorate/leads.json.age" procuratorate leads.json.age
expect "$screened" procuratorate "${aidlink[@]}" resolve "$holder/round.toml" \
  --leads "$holder/leads.json.age" --identity "$holder/identity" --output "$holder/resolved"
leads="$(sed -nE '1s/.*: ([0-9]+) leads$/\1/p' "$courier/said")"
[ "${leads:-0}" -gt 0 ] || fail "the procuratorate resolved no lead"
ok "the procuratorate resolved $leads leads"

# --- The same round, pooled ----------------------------------------------------

step "Against the pooled run"
install --mode=0600 "$holder/round.key" "$courier/round/round.key"
pooled=0
"${aidlink[@]}" run "$courier/round/round.toml" --output "$courier/pooled" \
  >"$courier/said" 2>"$courier/faults" || pooled=$?
[ "$pooled" -eq "$screened" ] || {
  cat "$courier/said" "$courier/faults" >&2
  fail "the pooled run ended with $pooled, the split round with $screened"
}
grep -q "$key_id" "$courier/pooled/manifest.json" || fail "the pooled run used another key"
diff -r --brief "$courier/pooled/lists" "$holder/resolved/lists" >&2 ||
  fail "the lists of the split round are not those of the pooled run"
lists="$(find "$holder/resolved/lists/for-review" -type f | wc -l)"
[ "$lists" -gt 0 ] || fail "there are no lists"
ok "$lists lists for review, byte for byte the same"

# --- What the offices hold and see ---------------------------------------------

step "What the offices hold and see"
pairs=0
for owner in "${offices[@]}" courier; do
  mapfile -d '' -t files < <(find "$base/$owner" -type f -size +0 -print0)
  [ "${#files[@]}" -gt 0 ] || fail "$owner has no files"
  for reader in "${offices[@]}"; do
    status=0
    as "$reader" cat -- "${files[@]}" >"$courier/read" 2>"$courier/faults" || status=$?
    if [ "$reader" = "$owner" ]; then
      # Else a refusal would prove nothing.
      if [ "$status" -ne 0 ] || [ ! -s "$courier/read" ]; then
        fail "$owner cannot read its own files"
      fi
      continue
    fi
    refusals="$(grep -c 'Permission denied$' "$courier/faults")" || true
    if [ -s "$courier/read" ] || [ "$refusals" -ne "${#files[@]}" ]; then
      fail "$reader can read a file of $owner"
    fi
    ! as "$reader" ls -- "$base/$owner" >/dev/null 2>&1 || fail "$reader can list the folder of $owner"
    ! as "$reader" touch -- "$base/$owner/intruder" 2>/dev/null || fail "$reader can write into the folder of $owner"
    pairs=$((pairs + 1))
  done
done
ok "no office can list, read or write another's folder or the courier's ($pairs pairs, each file tried)"

# What to search for. An ID number is found by its first 17 characters, whatever
# its check character; not on the list are those written in full-width digits or
# in the old form of 15, and placeholders such as eighteen noughts.
cat "$courier"/round/*.csv | tr -d " '-" | grep -aoE '[0-9]{17}[0-9Xx]' | cut -c1-17 |
  grep -vE '^(.)\1+$' | sort -u >"$courier/id-numbers"
ids="$(wc -l <"$courier/id-numbers")"
cases="$courier/round/procuratorate.case-parties.csv"
[ "$(grep -caF -f "$courier/id-numbers" "$cases")" -gt 1000 ] || fail "the search does not find the ID numbers of the case parties"
grep -oE '[0-9a-f]{64}' "$holder/round.key" >"$courier/round-key"
echo aidlink-round-key- >>"$courier/round-key"
grep -qF -f "$courier/round-key" "$base/veterans/round.key" || fail "the search does not find the key"
{
  head -n 1 "$courier/round-key"
  grep -ohE 'AGE-SECRET-KEY-1[0-9A-Z]{58}' "$base"/*/identity
  for office in "${offices[@]}"; do
    tail -n 1 "$base/$office/signing.key"
  done
} >"$courier/secrets"
[ "$(sort -u "$courier/secrets" | wc -l)" -eq $((1 + 2 * ${#offices[@]})) ] || fail "the secrets of the offices were not found"

absent "$courier/round-key" "$base/centre"
[ -z "$(find "$base/centre" -name '*.key*' ! -name signing.key)" ] || fail "the centre has a key file"
ok "the centre's folder holds no key"
absent "$courier/id-numbers" "$base/centre"
ok "the centre's folder and the files it received hold none of $ids ID numbers of the exports"

mkdir "$courier/opened"
for file in "$base"/centre/received/*.age; do
  opened="$courier/opened/$(basename "$file" .age)"
  age --decrypt --identity "$base/centre/identity" --output "$opened.whole" "$file"
  apart "$opened.whole" "$opened"
  [ "$(head -c 4 "$opened")$(tail -c 4 "$opened")" = PAR1PAR1 ] || fail "$file is no Parquet file inside"
  schema="$(basename "$opened" .tokens.parquet)"
  signed_by "${schema%%.*}" "$opened" "tokens $schema"
done
opened="$courier/opened/leads.json"
age --decrypt --identity "$holder/identity" --output "$opened.whole" "$holder/leads.json.age"
apart "$opened.whole" "$opened"
signed_by centre "$opened" leads
ok "minisign verifies the senders of all token files and of the leads, opened with the age command"
absent "$courier/id-numbers" "$courier/opened"
absent "$courier/round-key" "$courier/opened"
ok "neither the token files nor the leads, opened, hold one of them or the key"

made=()
for office in "${agencies[@]}"; do
  made+=("$base/$office"/sent-*)
done
absent "$courier/id-numbers" "${made[@]}" "$holder/resolved"
ok "no manifest, log, rejects file or list holds one of the ID numbers"

# The trace has every command of this script; the tool starts no others.
grep -qF -e "--recipient ${recipient_of[veterans]}" "$courier/trace" || fail "the trace does not show arguments"
absent "$courier/secrets" "$courier/trace"
absent "$courier/id-numbers" "$courier/trace"
ok "no argument of a command held a key, an identity or an ID number"

count=0
for office in "${offices[@]}"; do
  user=${user_of[$office]}
  find "$base/$office" \( -type d -perm 0700 -o -type f -perm 0600 -o -name signing.pub -perm 0644 \) -user "$user" -o -print >"$courier/found"
  find "$base/$office" -name '*.partial-*' >>"$courier/found"
  [ ! -s "$courier/found" ] || {
    cat "$courier/found" >&2
    fail "the files above are not $office's alone, or unfinished"
  }
  count=$((count + $(find "$base/$office" -type f | wc -l)))
done
ok "with a umask of 000 all folders are 0700, all $count files 0600, each its office's own"

printf '\nwalk-through passed: %d lists equal\n' "$lists"
