#!/bin/sh
# Makes the keys of the split round in this folder and names them in its round file.
# One folder plays all three offices.
set -eu
cd "$(dirname "$0")"
{
  echo
  echo '[signing.signers]'
  for office in procuratorate civil-affairs centre; do
    echo "$office = \"$(aidlink signing new "$office.key" --quiet)\""
  done
  echo
  echo '[sealing]'
  for office in procuratorate centre; do
    echo "$office = \"$(aidlink identity new "$office.identity" --quiet)\""
  done
} > keys.toml
cat keys.toml >> round.toml
rm keys.toml
aidlink key new round.toml --quiet > round-key-id
