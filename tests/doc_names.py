#!/usr/bin/env python3
"""Checks that the documentation names what exists: tests, source files, and the anchors and files of links; and that a page and its Chinese page have the same parts.

A word in backticks of five or more lower-case parts joined by `_`, such as the name of a test, must occur in the
sources; a path in backticks must exist, unless a part of it is in capitals; a relative link must lead to a file, and its anchor to a heading.

`NAME.zh-CN.md` and `NAME.md` can be laid side by side: the same headings, paragraphs, list items, table rows and code blocks in the same order, the same code but for its comments, the same names of files, options and keys in backticks. A link stays in the language of its page where it can.

Prints what is wrong; exit code 1 then.
"""

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
# Ids that the program makes.
GENERATED = {"referred_dibao_unless_case_changed"}
SOURCES = ["*.rs", "*.py", "*.sh", "*.toml", "*.json", "*.trycmd", ".ci/run"]
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CHINESE = ".zh-CN.md"
# Only readers of the Chinese page may have to ask for the language.
ONLY_ONE_LANGUAGE = {"--lang"}
NAME = re.compile(
    r"(?<![\w/])(?:--[a-z-]+|[A-Za-z][\w.*-]*(?:/[\w.*-]*)+|[a-z][a-z0-9]*(?:_[a-z0-9]+)+"
    r"|[\w*-]+(?:\.[\w-]+)*\.(?:age|csv|html|identity|json|jsonl|key|log|md|minisig|parquet|pub|py|rs|sh|sha256|toml|xlsx|xml))"
)


def tracked(*patterns):
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=PROJECT, capture_output=True, check=True)
    return [Path(name) for name in listed.stdout.decode().split("\0") if name]


def read(page):
    return (PROJECT / page).read_text("utf-8")


def prose_of(text):
    return BLOCK.sub("", text)


def anchor(heading):
    """The anchor that GitHub makes of a heading."""
    text = re.sub(r"[`*_]|\[([^]]*)\]\([^)]*\)", r"\1", heading.strip()).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(text):
    found = {}
    for heading in re.findall(r"^#+ (.*)$", prose_of(text), re.M):
        name = anchor(heading)
        found[name] = found.get(name, -1) + 1
    return {f"{name}-{count}" if count else name for name, most in found.items() for count in range(most + 1)}


def wrong_names(page, text, words):
    prose = prose_of(text)
    for code in re.findall(r"`([^`\n]+)`", prose):
        # In a list such as `a::{b, c}` each word counts.
        for word in re.findall(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+){4,}\b", code):
            if word not in words and word not in GENERATED:
                yield f"{page}: nothing is named {word}"
        if re.fullmatch(r"(crates|src|tests|benches|fuzz|docs|schemas|policies)/[\w./-]+\.\w+", code):
            places = (PROJECT, (PROJECT / page).parent)
            if not any((place / code).exists() for place in places) and not re.search(r"\b[A-Z]{3,}\b", code):
                yield f"{page}: there is no file {code}"
    for target in LINK.findall(prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, name = target.partition("#")
        file = (PROJECT / page).parent / path if path else PROJECT / page
        if not file.exists():
            yield f"{page}: the link {target} leads nowhere"
        elif name and file.suffix == ".md" and name not in anchors(file.read_text("utf-8")):
            yield f"{page}: the link {target} leads to no heading"


def parts_of(text):
    """The kind of each part of a page, with its line."""
    parts = []
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if line.startswith("```"):
            inside = not inside
            if inside:
                parts.append((f"a code block {line}", number))
        elif line and not inside:
            first = line.split()[0]
            if re.fullmatch("#+", first):
                kind = f"a heading {first}"
            elif line.startswith("|"):
                cells = len(re.findall(r"(?<!\\)[|]", line)) - 1
                kind = f"a table row of {cells} cells"
            elif first == "-" or re.fullmatch(r"\d+\.", first):
                kind = f"a list item {first}"
            else:
                kind = "a paragraph"
            parts.append((kind, number))
    return parts


def code_of(text):
    """The code of a page without comments, block by block. Output and diagrams have words of the language."""
    for language, code in BLOCK.findall(text):
        if language not in ("", "mermaid"):
            for line in code.split("\n"):
                yield re.sub(r"(^|\s+)# .*$", "", line).strip()


def names_of(text):
    # The two pages may name the file of their own language.
    codes = re.findall(r"`([^`\n]+)`", prose_of(text))
    return {re.sub(r"\.(zh|en)\.", ".LANGUAGE.", name) for code in codes for name in NAME.findall(code)}


def other_language(page):
    """The path of the page in the other language."""
    if page.name.endswith(CHINESE):
        return page.with_name(page.name.removesuffix(CHINESE) + ".md")
    return page.with_name(page.stem + CHINESE)


def differences(english, chinese):
    """What a page and its Chinese page do not have in common."""
    texts = read(english), read(chinese)
    for (page, other), text in zip(((english, chinese), (chinese, english)), texts):
        head = "\n".join(text.split("\n")[:4])
        if f"]({other.name})" not in head:
            yield f"{page}: its head does not link to {other.name}"
    parts = [parts_of(text) for text in texts]
    for (here, line), (there, other_line) in zip(*parts):
        if here != there:
            yield f"{chinese}:{other_line}: {there}, where {english}:{line} has {here}"
            break
    else:
        if len(parts[0]) != len(parts[1]):
            longer, shorter = (english, chinese) if len(parts[0]) > len(parts[1]) else (chinese, english)
            yield f"{longer}: has parts at its end that {shorter} lacks"
    for here, there in zip(*(list(code_of(text)) for text in texts)):
        if here != there:
            yield f"{chinese}: has the code {there!r}, where {english} has {here!r}"
            break
    names = [names_of(text) - ONLY_ONE_LANGUAGE for text in texts]
    for name in sorted(names[0] ^ names[1]):
        has, lacks = (english, chinese) if name in names[0] else (chinese, english)
        yield f"{lacks}: does not name {name}, which {has} does"


def foreign_links(page, text):
    """Links of a page that leave its language, but for that of its head."""
    chinese = page.name.endswith(CHINESE)
    for target in LINK.findall(prose_of(text)):
        file = Path(target.partition("#")[0])
        if re.match(r"[a-z]+:", target) or file.suffix != ".md":
            continue
        to_chinese = file.name.endswith(CHINESE)
        other = page.parent / file.with_name(file.stem + CHINESE)
        leaves = not to_chinese and (PROJECT / other).exists() if chinese else to_chinese
        if leaves and other_language(page) != page.parent / file:
            yield f"{page}: the link {target} leads to a page in the other language"


def main():
    sources = "\n".join((PROJECT / path).read_text("utf-8", "replace") for path in tracked(*SOURCES))
    words = set(re.findall(r"\w+", sources))
    wrong = []
    for page in tracked("*.md"):
        text = read(page)
        wrong += wrong_names(page, text, words)
        wrong += foreign_links(page, text)
        if page.name.endswith(CHINESE):
            english = other_language(page)
            if (PROJECT / english).exists():
                wrong += differences(english, page)
            else:
                wrong.append(f"{page}: there is no {english}")
    for line in wrong:
        print(line)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
