#!/usr/bin/env bash
# Runs a whole split round between offices that cannot read each other's folders:
# five agencies (one is the procuratorate, with its case parties and referrals)
# and a centre without the key; the procuratorate resolves. Each office is a
# system user with a folder of mode 0700; root is the courier between them. The
# match lists must be byte for byte those of a pooled run on the same exports with
# the same key.
#
#   sudo tests/walk_through.sh PATH/TO/aidlink PATH/TO/aidlink-screen
#
# Needs root. The users that it creates, and its folder under TMPDIR (or /tmp),
# are removed at the end, even after a failure or an interruption. An existing
# user is used and kept, unless an earlier walk-through created it and was killed.
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
# The script's own standard error, for use while a command's is redirected.
exec 7>&2
reported=
fail() { printf 'FAILED: %s\n' "$*" >&7; reported=yes; exit 1; }
step() { printf '\n%s\n' "$*"; }
ok() { printf '  ok: %s\n' "$*"; }

if [ "$#" -ne 2 ]; then
  echo "usage: $0 PATH/TO/aidlink PATH/TO/aidlink-screen" >&2
  exit 2
fi
[ "$EUID" -eq 0 ] || skip "root is needed to create system users and to carry files between them"
for tool in useradd userdel setpriv flock age minisign; do
  command -v "$tool" >/dev/null || skip "the command $tool is needed"
done
for binary in "$1" "$2"; do
  if [ ! -f "$binary" ] || [ ! -x "$binary" ]; then
    echo "$binary is not a program; run: cargo build --release --workspace" >&2
    exit 2
  fi
done

# Two walk-throughs at the same time would remove each other's users.
exec 8<"${BASH_SOURCE[0]}"
flock --nonblock 8 || fail "another walk-through is running"

base=
made_users=()
comment="made by a walk-through of aidlink"

remove_user() {
  local user=$1
  for _ in {1..20}; do
    id -u "$user" >/dev/null 2>&1 || break
    # userdel refuses while a process of the user is still ending.
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
  elif [ "$status" -ne 0 ] && [ -z "$reported" ]; then
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
# The courier's folder: the sample round, the output of the commands, and a trace
# of every command of this script with its arguments.
courier="$base/courier"
public="$base/public"
mkdir "$courier"
exec 9>"$courier/trace"
BASH_XTRACEFD=9
set -x

# --- Helpers -------------------------------------------------------------------

# as OFFICE COMMAND...: runs a command as the office's user, without root's
# environment. The umask is 000, so that file modes come from the command alone.
# `env` looks the command up, because `setpriv` would do so with root's
# capabilities.
as() {
  local user=${user_of[$1]}
  shift
  (
    umask 000
    exec setpriv --reuid="$(id -u "$user")" --regid="$(id -g "$user")" --init-groups --no-new-privs \
      -- env -i PATH=/usr/bin:/bin LC_ALL=C "$@" 7>&- 8<&- 9>&-
  ) </dev/null
}

# expect CODES OFFICE COMMAND...: the command must end with one of the codes. Its
# output is then in the files output and errors of the courier's folder.
expect() {
  local codes=$1 office=$2 status=0
  shift 2
  as "$office" "$@" >"$courier/output" 2>"$courier/errors" || status=$?
  [[ " $codes " == *" $status "* ]] || {
    cat "$courier/output" "$courier/errors" >&2
    fail "at $office, exit code $status instead of ${codes// / or }: $*"
  }
}

# carry FILE OFFICE NAME: gives the office its own copy of a file.
carry() {
  install --mode=0600 --owner="${user_of[$2]}" --group="$(id -g "${user_of[$2]}")" \
    -- "$1" "$base/$2/$3"
}

# Prints the recipient in the output of an identity command.
printed_recipient() { grep -oE 'age1[0-9a-z]{58}' "$courier/output"; }

# split_signature OPENED PLAIN: writes the plain bytes of an opened file to PLAIN
# and the signature after them to PLAIN.minisig. The last eight digits of OPENED
# are the length of the signature.
split_signature() {
  local length
  length="$(tail -c 9 "$1")"
  [[ $length =~ ^[0-9]{8}$ ]] || fail "$1 does not end with the length of a signature"
  length=$((10#$length))
  head -c -9 "$1" | tail -c "$length" >"$2.minisig"
  head -c -"$((length + 9))" "$1" >"$2"
}

# signed_by OFFICE PLAIN CONTENT: the office must have signed the file, with a
# statement of this content.
signed_by() {
  local stated
  stated="$(minisign -V -Q -p "$base/$1/signing.pub" -m "$2" 2>"$courier/errors")" ||
    fail "minisign does not verify that $1 signed $2"
  [[ $stated == "aidlink crossing; round "*"; terms $terms; content $3; key id $key_id; to age1"* ]] ||
    fail "the signature of $2 states: $stated"
}

# absent PATTERNS PATH...: no file may contain one of the patterns.
absent() {
  local status=0
  [ -s "$1" ] || fail "$1 has no patterns to search for"
  grep -rlaF -f "$1" -- "${@:2}" >"$courier/found" || status=$?
  case $status in
    1) ;;
    0) cat "$courier/found" >&2; fail "the files above contain forbidden text ($(basename "$1"))" ;;
    *) fail "grep ended with exit code $status" ;;
  esac
}

# --- Offices, exports, public files --------------------------------------------

step "Offices"
nologin="$(command -v nologin || echo /bin/false)"
for office in "${offices[@]}"; do
  user=${user_of[$office]}
  if ! id -u "$user" >/dev/null 2>&1; then
    # The clean-up would remove such a group, which the walk-through did not create.
    ! getent group "$user" >/dev/null || fail "the group $user exists without its user"
    made_users+=("$user")
    useradd --system --user-group --no-create-home --shell "$nologin" --comment "$comment" "$user"
  elif [ "$(getent passwd "$user" | cut -d: -f5)" = "$comment" ]; then
    made_users+=("$user")
  else
    echo "  the user $user exists already and is kept"
  fi
  install --directory --mode=0700 --owner="$user" --group="$(id -g "$user")" "$base/$office"
done
uids="$(for office in "${offices[@]}"; do id -u "${user_of[$office]}"; done | sort -u)"
[ "$(grep -cvx 0 <<<"$uids")" -eq "${#offices[@]}" ] || fail "the offices are not separate users"

install --directory --mode=0755 "$base/bin"
install --mode=0755 -- "$1" "$base/bin/aidlink"
install --mode=0755 -- "$2" "$base/bin/aidlink-screen"
aidlink=("$base/bin/aidlink" --lang en)
aidlink_screen=("$base/bin/aidlink-screen" --lang en)
cd "$base"
for office in "${offices[@]}"; do
  as "$office" "$base/bin/aidlink" --version >/dev/null 2>&1 ||
    fail "$office cannot run a command in $base; set TMPDIR to a folder in which every user can run programs"
done
ok "${#offices[@]} offices, each a separate user with a folder of mode 0700"

"${aidlink[@]}" sample --seed 31 --out "$courier/round" >"$courier/output"
mapfile -t exports < <(awk -F'"' '
  /^schema = / { schema = $2 }
  /^path = / { print schema, $2 }' "$courier/round/round.toml")
[ "${#exports[@]}" -ge "${#agencies[@]}" ] || fail "the sample's round file lists too few exports"
for export in "${exports[@]}"; do
  read -r schema file <<<"$export"
  office=${schema%%.*}
  [ -n "${user_of[$office]-}" ] || fail "no office has the export $schema"
  carry "$courier/round/$file" "$office" "$file"
done
install --directory --mode=0755 "$public"
cp -r "$courier"/round/{policies,schemas,calendars} "$public"
chmod -R a+rX "$public"
ok "each agency has its own exports (${#exports[@]} in all); policy, schemas and calendar are public"

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
  recipient_of[$office]="$(printed_recipient)"
  expect 0 "$office" "${program[@]}" signing new "$base/$office/signing.key"
  signer_of[$office]="$(tail -n 1 "$base/$office/signing.pub")"
  grep -qF -e "${signer_of[$office]}" "$courier/output" || fail "$office: the printed public key is not the one in signing.pub"
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
  digest="$(grep -oE '\b[0-9a-f]{64}\b' "$courier/output")"
  [ "$digest" = "${terms:=$digest}" ] || fail "$office prints another digest of the terms"
done
ok "all offices print the same digest of the terms"

holder="$base/procuratorate"
expect 0 procuratorate "${aidlink[@]}" key new "$holder/round.toml"
expect 0 procuratorate "${aidlink[@]}" key id "$holder/round.toml"
key_id="$(cat "$courier/output")"
[[ $key_id =~ ^[0-9a-f]{16}$ ]] || fail "expected a key id, got: $key_id"
for agency in "${agencies[@]}"; do
  [ "$agency" != procuratorate ] || continue
  expect 0 procuratorate "${aidlink[@]}" key seal "$holder/round.toml" \
    --recipient "${recipient_of[$agency]}" --out "$holder/key-for-$agency.age"
done
# First a sealed key that reaches the wrong office.
carry "$holder/key-for-civil-affairs.age" education astray.age
expect 1 education "${aidlink[@]}" key open "$base/education/round.toml" \
  --sealed "$base/education/astray.age" --identity "$base/education/identity"
grep -q 'sealed to another recipient' "$courier/errors" || fail "education was refused for another reason"
[ ! -e "$base/education/round.key" ] || fail "education has a key that was sealed to another office"
rm "$base/education/astray.age"
ok "the key sealed to civil-affairs does not open at education"
for agency in "${agencies[@]}"; do
  [ "$agency" != procuratorate ] || continue
  folder="$base/$agency"
  carry "$holder/key-for-$agency.age" "$agency" key.age
  expect 0 "$agency" "${aidlink[@]}" key open "$folder/round.toml" \
    --sealed "$folder/key.age" --identity "$folder/identity"
  expect 0 "$agency" "${aidlink[@]}" key id "$folder/round.toml"
  [ "$(cat "$courier/output")" = "$key_id" ] || fail "$agency opened a key other than $key_id"
done
ok "the key, sealed to each agency and opened there, has the id $key_id at all five"

# --- Tokenise, screen, resolve -------------------------------------------------

step "Tokenise, screen, resolve"
as centre mkdir -m 0700 "$base/centre/received"
for export in "${exports[@]}"; do
  read -r schema file <<<"$export"
  office=${schema%%.*}
  folder="$base/$office"
  # 3: done, but the reject rate is over the threshold.
  expect '0 3' "$office" "${aidlink[@]}" tokenise "$folder/round.toml" \
    --export "$schema" --output "$folder/sent-$schema"
  sealed="$schema.tokens.parquet.age"
  carry "$folder/sent-$schema/to-centre/$sealed" centre "received/$sealed"
  ok "$office tokenised $schema"
done

# The procuratorate holds the key, so it must not see another agency's tokens.
sealed=civil-affairs.assistance.tokens.parquet.age
carry "$base/centre/received/$sealed" procuratorate astray.parquet.age
expect 1 procuratorate "${aidlink_screen[@]}" run "$holder/round.toml" \
  --tokens "$holder/astray.parquet.age" --identity "$holder/identity" --output "$holder/astray"
grep -q 'does not match the public key of centre in the round file' "$courier/errors" ||
  fail "the procuratorate was refused for another reason"
[ ! -e "$holder/astray" ] || fail "the procuratorate screened tokens"
expect 1 procuratorate age --decrypt --identity "$holder/identity" --output "$holder/astray" \
  "$holder/astray.parquet.age"
grep -q 'no identity matched' "$courier/errors" || fail "age refused the procuratorate for another reason"
[ ! -s "$holder/astray" ] || fail "the procuratorate opened the tokens of civil-affairs"
rm -f "$holder/astray.parquet.age" "$holder/astray"
ok "the procuratorate, which holds the key, cannot open the tokens of civil-affairs"

folder="$base/centre"
screened=0
as centre "${aidlink_screen[@]}" run "$folder/round.toml" --tokens "$folder/received" \
  --identity "$folder/identity" --output "$folder/screened" \
  >"$courier/output" 2>"$courier/errors" || screened=$?
[ "$screened" -eq 0 ] || [ "$screened" -eq 3 ] || {
  cat "$courier/errors" >&2
  fail "at the centre, exit code $screened"
}
ok "the centre screened ${#exports[@]} token files"

carry "$folder/screened/to-procuratorate/leads.json.age" procuratorate leads.json.age
expect "$screened" procuratorate "${aidlink[@]}" resolve "$holder/round.toml" \
  --leads "$holder/leads.json.age" --identity "$holder/identity" --output "$holder/resolved"
leads="$(sed -nE '1s/.*: ([0-9]+) leads$/\1/p' "$courier/output")"
[ "${leads:-0}" -gt 0 ] || fail "the procuratorate resolved no lead"
ok "the procuratorate resolved $leads leads"

# --- The same round, pooled ----------------------------------------------------

step "Comparison with the pooled run"
install --mode=0600 "$holder/round.key" "$courier/round/round.key"
pooled=0
"${aidlink[@]}" run "$courier/round/round.toml" --output "$courier/pooled" \
  >"$courier/output" 2>"$courier/errors" || pooled=$?
[ "$pooled" -eq "$screened" ] || {
  cat "$courier/output" "$courier/errors" >&2
  fail "the pooled run ended with $pooled, the split round with $screened"
}
grep -q "$key_id" "$courier/pooled/manifest.json" || fail "the pooled run used another key"
diff -r --brief "$courier/pooled/lists" "$holder/resolved/lists" >&2 ||
  fail "the lists of the split round differ from those of the pooled run"
lists="$(find "$holder/resolved/lists/for-review" -type f | wc -l)"
[ "$lists" -gt 0 ] || fail "there are no lists"
ok "$lists lists for review, byte for byte the same"

# --- What the offices have and can read -----------------------------------------

step "What the offices have and can read"
pairs=0
for owner in "${offices[@]}" courier; do
  mapfile -d '' -t files < <(find "$base/$owner" -type f -size +0 -print0)
  [ "${#files[@]}" -gt 0 ] || fail "$owner has no files"
  for reader in "${offices[@]}"; do
    status=0
    as "$reader" cat -- "${files[@]}" >"$courier/read" 2>"$courier/errors" || status=$?
    if [ "$reader" = "$owner" ]; then
      # Otherwise a refusal to others would prove nothing.
      if [ "$status" -ne 0 ] || [ ! -s "$courier/read" ]; then
        fail "$owner cannot read its own files"
      fi
      continue
    fi
    refusals="$(grep -c 'Permission denied$' "$courier/errors")" || true
    if [ -s "$courier/read" ] || [ "$refusals" -ne "${#files[@]}" ]; then
      fail "$reader can read a file of $owner"
    fi
    ! as "$reader" ls -- "$base/$owner" >/dev/null 2>&1 || fail "$reader can list the folder of $owner"
    ! as "$reader" touch -- "$base/$owner/intruder" 2>/dev/null || fail "$reader can write into the folder of $owner"
    pairs=$((pairs + 1))
  done
done
ok "no office can list, read or write another's folder or the courier's ($pairs pairs, every file tried)"

# The search looks for the first 17 characters of each ID number. It leaves out
# numbers in full-width digits, numbers of 15 digits, and placeholders such as
# eighteen zeros.
cat "$courier"/round/*.csv | tr -d " '-" | grep -aoE '[0-9]{17}[0-9Xx]' | cut -c1-17 |
  grep -vE '^(.)\1+$' | sort -u >"$courier/id-numbers"
ids="$(wc -l <"$courier/id-numbers")"
cases="$courier/round/procuratorate.case-parties.csv"
[ "$(grep -caF -f "$courier/id-numbers" "$cases")" -gt 1000 ] || fail "the search must find the ID numbers of the case parties"
grep -oE '[0-9a-f]{64}' "$holder/round.key" >"$courier/round-key"
echo aidlink-round-key- >>"$courier/round-key"
grep -qF -f "$courier/round-key" "$base/veterans/round.key" || fail "the search must find the key"
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
ok "the centre's folder contains no key"
absent "$courier/id-numbers" "$base/centre"
ok "the centre's folder and the files it received contain none of $ids ID numbers of the exports"

mkdir "$courier/opened"
for file in "$base"/centre/received/*.age; do
  opened="$courier/opened/$(basename "$file" .age)"
  age --decrypt --identity "$base/centre/identity" --output "$opened.whole" "$file"
  split_signature "$opened.whole" "$opened"
  [ "$(head -c 4 "$opened")$(tail -c 4 "$opened")" = PAR1PAR1 ] || fail "$file does not contain a Parquet file"
  schema="$(basename "$opened" .tokens.parquet)"
  signed_by "${schema%%.*}" "$opened" "tokens $schema"
done
opened="$courier/opened/leads.json"
age --decrypt --identity "$holder/identity" --output "$opened.whole" "$holder/leads.json.age"
split_signature "$opened.whole" "$opened"
signed_by centre "$opened" leads
ok "age opens all token files and the leads, and minisign verifies their senders"
absent "$courier/id-numbers" "$courier/opened"
absent "$courier/round-key" "$courier/opened"
ok "the opened token files and leads contain no ID number and no key"

output_folders=()
for office in "${agencies[@]}"; do
  output_folders+=("$base/$office"/sent-*)
done
absent "$courier/id-numbers" "${output_folders[@]}" "$holder/resolved"
ok "no manifest, log, rejects file or list contains one of the ID numbers"

# The trace has every command of this script, and the programs start no others.
grep -qF -e "--recipient ${recipient_of[veterans]}" "$courier/trace" || fail "the trace does not show arguments"
absent "$courier/secrets" "$courier/trace"
absent "$courier/id-numbers" "$courier/trace"
ok "no command had a key, an identity or an ID number as an argument"

count=0
for office in "${offices[@]}"; do
  user=${user_of[$office]}
  find "$base/$office" \( -type d -perm 0700 -o -type f -perm 0600 -o -name signing.pub -perm 0644 \) -user "$user" -o -print >"$courier/found"
  find "$base/$office" -name '*.partial-*' >>"$courier/found"
  [ ! -s "$courier/found" ] || {
    cat "$courier/found" >&2
    fail "the files above are not owner-only files of $office, or are unfinished"
  }
  count=$((count + $(find "$base/$office" -type f | wc -l)))
done
ok "with a umask of 000, all folders have mode 0700, all $count files 0600 (signing.pub 0644), owned by their office"

printf '\nwalk-through passed: %d lists equal\n' "$lists"
