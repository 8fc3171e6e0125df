#!/usr/bin/env bash
# Makes the Debian package, checks what it holds, installs it, works with the installed
# programs as an ordinary user, removes it, and checks that nothing of the package is left
# and nothing of the user is gone.
#
#   sudo tests/package.sh
#
# Needs root, and a network only if cargo-deb is not built yet (packaging/debian.sh). If the
# package is installed already the test is skipped, because it would remove it, unless an
# earlier test installed it and was killed. At the end, also after a failure, the package is
# removed.
#
# Exit codes: 0 passed, 1 failed, 77 skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8
unset MANPATH MANOPT MANWIDTH LANGUAGE

skip() { printf 'skipped: %s\n' "$*"; exit 77; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
ok() { printf '  ok: %s\n' "$*"; }

[ "$EUID" -eq 0 ] || skip "root is needed to install a package"
for tool in dpkg dpkg-deb dpkg-shlibdeps lintian man lexgrog localedef setpriv zsh fish; do
  command -v "$tool" > /dev/null || skip "the command $tool is needed"
done
mark=/run/aidlink-package-test
if [ -e "$mark" ]; then
  dpkg --purge aidlink > /dev/null 2>&1 || true
  rm -f -- "$mark"
fi
if dpkg-query --show aidlink > /dev/null 2>&1 || [ -e /usr/bin/aidlink ]; then
  skip "aidlink is installed on this machine, and this test would remove it"
fi

# The user may enter the folder and sees only what is his in it.
work="$(mktemp -d)"
chmod 711 "$work"
installed=
finish() {
  [ -z "$installed" ] || { dpkg --purge aidlink > /dev/null && rm -f -- "$mark"; } || true
  rm -rf -- "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# The package, twice: the same commit gives the same bytes.
deb="$(packaging/debian.sh --fast "$work/first")"
again="$(packaging/debian.sh --fast "$work/again")"
cmp "$deb" "$again" || fail "a second build gives another package"
ok "$(basename "$deb"), $(stat --format %s "$deb") bytes, and the same again"

# Every command has a page, in both languages.
bin="${CARGO_TARGET_DIR:-target}/release"
pages_of() { # PROGRAM [VERB...]
  local verb name
  name="$(IFS=-; echo "$*")"
  echo "$name.1.gz"
  for verb in $("$bin/$1" "${@:2}" --help --lang en | awk '/^Commands:/{inside=1; next} /^$/{inside=0} inside && /^  [a-z]/{print $1}'); do
    [ "$verb" = help ] || pages_of "$@" "$verb"
  done
}
{
  echo "usr/bin/aidlink 755"
  echo "usr/bin/aidlink-screen 755"
  for page in $(pages_of aidlink) $(pages_of aidlink-screen); do
    echo "usr/share/man/man1/$page 644"
    echo "usr/share/man/zh_CN/man1/$page 644"
  done
  for program in aidlink aidlink-screen; do
    echo "usr/share/bash-completion/completions/$program 644"
    echo "usr/share/zsh/vendor-completions/_$program 644"
    echo "usr/share/fish/vendor_completions.d/$program.fish 644"
  done
  # What is in the repository, and so no key and no list of a run in sample_data.
  git ls-files policies schemas calendars sample_data | sed 's|^|usr/share/aidlink/|; s|$| 644|'
  git ls-files ':(glob)*.md' docs 'examples/*.py' | grep -v '^docs/pictures/\(make.py\|requirements.txt\)$' \
    | sed 's|^|usr/share/doc/aidlink/|; s|$| 644|'
  for folder in policies schemas calendars sample_data; do echo "usr/share/doc/aidlink/$folder 777"; done
  echo "usr/share/doc/aidlink/copyright 644"
  echo "usr/share/doc/aidlink/changelog.Debian.gz 644"
  echo "usr/share/lintian/overrides/aidlink 644"
} | sort > "$work/expected"
dpkg-deb --fsys-tarfile "$deb" > "$work/files.tar"
python3 - "$work/files.tar" > "$work/held" << 'PYTHON'
import sys, tarfile
for entry in tarfile.open(sys.argv[1]):
    if (entry.uid, entry.gid) != (0, 0) or entry.isdir() and entry.mode != 0o755:
        sys.exit(f"{entry.name}: mode {entry.mode:o}, owner {entry.uid}:{entry.gid}")
    if not entry.isdir():
        print(entry.name.removeprefix("./"), f"{entry.mode:o}")
PYTHON
sort --output "$work/held" "$work/held"
diff "$work/expected" "$work/held" || fail "the package does not hold what it should (< should, > holds)"
ok "$(wc -l < "$work/held") files, owned by root, with the modes they should have"
lintian --allow-root --fail-on error "$deb" || fail "lintian finds errors"
ok "lintian finds no errors"

# Installed; what there was before must be there after.
cut -d ' ' -f 1 "$work/held" | sed 's|^|/|' > "$work/paths"
tar --list --file "$work/files.tar" | sed 's|^\.||; s|/$||' | grep . > "$work/all-paths"
present() { while IFS= read -r path; do [ ! -e "$path" ] || echo "$path"; done < "$work/all-paths"; }
present > "$work/before"
touch "$mark"
installed=yes
dpkg --install --path-include='/usr/share/*' "$deb" > /dev/null
dpkg --verify aidlink
ok "it is installed"

# The work that the README begins with, as a user without any right.
mkdir "$work/home"
chown 65534:65534 "$work/home"
chmod 700 "$work/home"
user() {
  (cd "$work/home" && env --ignore-environment HOME="$work/home" PATH=/usr/bin:/bin LANG=C.UTF-8 \
    setpriv --reuid 65534 --regid 65534 --clear-groups "$@")
}
run_finds_all() { # ROUND: runs it; its leads must be the planted ones
  local planted
  planted="$(($(wc -l < "$work/home/$1/truth/planted-leads.csv") - 1))"
  user aidlink run "$1/round.toml" --lang en > "$work/printed"
  grep -q "^$planted leads:" "$work/printed" || { cat "$work/printed"; fail "$1: not $planted leads"; }
  user aidlink audit verify "$1" --public-key "$1/signing.pub" > /dev/null
}
user aidlink sample --out sample > /dev/null
run_finds_all sample
ok "a sample round is run and verified: $(grep ' leads:$' "$work/printed")"
user cp -r /usr/share/aidlink folder
for round in 2026Q3 minimal; do run_finds_all "folder/sample_data/$round"; done
user aidlink policy test folder/policies/shaoguan.toml > /dev/null
user aidlink policy check /usr/share/aidlink/policies/ordos.toml > /dev/null
user aidlink register init register --operator zhang > /dev/null
ok "in a copy of /usr/share/aidlink the commands of the README run"
user aidlink-screen identity new centre.identity > /dev/null
user aidlink-screen round terms sample/round.toml > /dev/null
ok "aidlink-screen runs"
written="$(find "$work/home" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | paste -sd ' ')"
[ "$written" = "centre.identity folder register sample" ] || fail "the programs wrote elsewhere: $written"
ok "nothing is written but where a command says"

# Manual pages on a terminal of 80 columns.
# man says on standard error what roff warns of.
locale=()
shown() {
  env MANWIDTH=80 "${locale[@]}" man --warnings "$@" 2> "$work/warnings" | col -bx
  [ ! -s "$work/warnings" ] || { cat "$work/warnings"; return 1; }
}
while IFS= read -r page; do
  shown --local-file "$page" > "$work/page" || fail "$page: warnings of roff"
  [ "$(wc --max-line-length < "$work/page")" -le 80 ] || fail "$page: a line is wider than 80 columns"
  # Markup, quotes that were turned, texts that are not translated.
  ! grep -nE "\\\\[fm(*&-]|^\.[A-Z]|[‘’‐−]| / " "$work/page" || fail "$page: markup is left"
  case "$page" in
    */zh_CN/*) foreign='^[A-Z]{2}|[Pp]ossible|default:|Print |COMMAND' ;;
    *) foreign='[一-龥]' ;;
  esac
  ! grep -nP "$foreign" "$work/page" || fail "$page: text of the other language"
  lexgrog --man "$page" > /dev/null || fail "$page: apropos cannot read its name"
done < <(grep /share/man/ "$work/paths")
ok "$(grep -c /share/man/ "$work/paths") manual pages are shown without warnings or markup"
shown aidlink-run > "$work/page"
grep -q 'Run a round of joint screening' "$work/page" || fail "man aidlink-run is not English"
# A Chinese locale, which the machine need not have.
mkdir "$work/locales"
localedef --inputfile zh_CN --charmap UTF-8 "$work/locales/zh_CN.UTF-8" || fail "no Chinese locale; install the package locales"
locale=(LOCPATH="$work/locales" LC_ALL=zh_CN.UTF-8)
shown aidlink-run > "$work/page"
locale=()
grep -q '从导出到匹配清单' "$work/page" || fail "the Chinese page of aidlink-run is not shown"
shown --locale zh_CN.UTF-8 aidlink-run | cmp --quiet - "$work/page" || fail "man --locale does not show the Chinese page"
ok "man finds them in English and Chinese"

# Completions, as each shell loads them.
# shellcheck disable=SC2016
completed="$(bash --norc -c 'source /usr/share/bash-completion/completions/aidlink
  source /usr/share/bash-completion/completions/aidlink-screen
  complete -p aidlink aidlink-screen > /dev/null
  COMP_WORDS=(aidlink tok) COMP_CWORD=1
  _aidlink aidlink tok aidlink
  echo "${COMPREPLY[@]}"')"
[ "$completed" = tokenise ] || fail "bash completes 'aidlink tok' to: $completed"
completed="$(HOME="$work" fish --no-config -c 'source /usr/share/fish/vendor_completions.d/aidlink.fish; complete -C "aidlink tok"' | cut -f 1)"
[ "$completed" = tokenise ] || fail "fish completes 'aidlink tok' to: $completed"
# shellcheck disable=SC2016
completed="$(HOME="$work" zsh -f -c 'autoload -Uz compinit; compinit -u -D; echo $_comps[aidlink] $_comps[aidlink-screen]')"
[ "$completed" = "_aidlink _aidlink-screen" ] || fail "zsh has these completions: $completed"
for program in aidlink aidlink-screen; do zsh -n "/usr/share/zsh/vendor-completions/_$program"; done
ok "bash, fish and zsh complete"

# Removed: what was there before is there, nothing else is, and users keep everything.
sums() { (cd "$work/home" && find . -printf '%p %M %u %T@\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum); }
sums > "$work/of-user"
for secret in sample/round.key sample/signing.key centre.identity register/register.key; do
  [ -f "$work/home/$secret" ] || fail "there is no $secret, of which to check that it stays"
done
dpkg --remove aidlink > /dev/null
dpkg --purge aidlink > /dev/null 2>&1 || true
installed=
rm -f -- "$mark"
present > "$work/after"
diff "$work/before" "$work/after" || fail "removal leaves (>) or takes away (<) these"
! dpkg-query --show aidlink > /dev/null 2>&1 || fail "dpkg still knows aidlink"
! man --where aidlink > /dev/null 2>&1 || fail "man still finds aidlink"
sums | diff "$work/of-user" - || fail "removal changed files of the user"
ok "removed; nothing is left of it, and keys and rounds of the user are as they were"
