#!/usr/bin/env python3
"""Checks that the documentation names what exists: tests, source files, and the anchors and files of links.

A word in backticks of five or more lower-case parts joined by `_`, such as the name of a test, must occur in the
sources; a path in backticks must exist, unless a part of it is in capitals; a relative link must lead to a file, and its anchor to a heading. Prints what is missing; exit code 1 then.
"""

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
# Ids that the program makes.
GENERATED = {"referred_dibao_unless_case_changed"}
SOURCES = ["*.rs", "*.py", "*.sh", "*.toml", "*.json", "*.trycmd", ".ci/run"]


def tracked(*patterns):
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=PROJECT, capture_output=True, check=True)
    return [Path(name) for name in listed.stdout.decode().split("\0") if name]


def anchor(heading):
    """The anchor that GitHub makes of a heading."""
    text = re.sub(r"[`*_]|\[([^]]*)\]\([^)]*\)", r"\1", heading.strip()).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(text):
    found = {}
    for heading in re.findall(r"^#+ (.*)$", text, re.M):
        name = anchor(heading)
        found[name] = found.get(name, -1) + 1
    return {f"{name}-{count}" if count else name for name, most in found.items() for count in range(most + 1)}


def main():
    sources = "\n".join((PROJECT / path).read_text("utf-8", "replace") for path in tracked(*SOURCES))
    words = set(re.findall(r"\w+", sources))
    missing = []
    for page in tracked("*.md"):
        text = (PROJECT / page).read_text("utf-8")
        prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
        for code in re.findall(r"`([^`\n]+)`", prose):
            # In a list such as `a::{b, c}` each word counts.
            for word in re.findall(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+){4,}\b", code):
                if word not in words and word not in GENERATED:
                    missing.append(f"{page}: nothing is named {word}")
            if re.fullmatch(r"(crates|src|tests|benches|fuzz|docs|schemas|policies)/[\w./-]+\.\w+", code):
                places = (PROJECT, (PROJECT / page).parent)
                if not any((place / code).exists() for place in places) and not re.search(r"\b[A-Z]{3,}\b", code):
                    missing.append(f"{page}: there is no file {code}")
        for target in re.findall(r"\]\(([^)\s]+)\)", prose):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, name = target.partition("#")
            file = (PROJECT / page).parent / path if path else PROJECT / page
            if not file.exists():
                missing.append(f"{page}: the link {target} leads nowhere")
            elif name and file.suffix == ".md" and name not in anchors(file.read_text("utf-8")):
                missing.append(f"{page}: the link {target} leads to no heading")
    for line in missing:
        print(line)
    sys.exit(bool(missing))


if __name__ == "__main__":
    main()
