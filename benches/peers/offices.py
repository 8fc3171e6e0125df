"""Makes a plain split round of a pooled one, with every office's signing key."""

import subprocess

OFFICES = ("procuratorate", "centre", "civil-affairs", "education", "disabled-federation", "veterans")


def signers(aidlink, place):
    """Makes the signing key of each office in a folder. Returns the lines of the round file."""
    lines = []
    for office in OFFICES:
        key = place / f"{office}.key"
        done = subprocess.run([aidlink, "signing", "new", key, "--quiet"], check=True, capture_output=True, text=True)
        lines.append(f'{office} = "{done.stdout.strip()}"\n')
    return "".join(lines)


def as_split(text, signers):
    """Returns the text of a pooled round's file as that of a split round with plain files."""
    text = text.replace('mode = "pooled"', 'mode = "split"')
    return f'{text}\n[sealing]\nplain = ["tokens", "leads"]\n\n[signing.signers]\n{signers}'


def split_round(aidlink, folder, place):
    """Writes a split round file beside the round file of a folder, with the offices' keys in `place`, and makes
    the round key if there is none. Returns its path."""
    text = as_split((folder / "round.toml").read_text(), signers(aidlink, place))
    path = folder / "split.toml"
    path.write_text(text)
    if not (folder / "round.key").exists():
        subprocess.run([aidlink, "key", "new", path, "--quiet"], check=True, capture_output=True)
    return path
