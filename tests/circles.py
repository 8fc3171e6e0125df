"""Checks that no source files of a crate depend on each other in a cycle.

    python3 tests/circles.py        every crate of the workspace

The check follows `use` trees, full paths (`crate::a::b`, `super::a`, `child::a`) and re-exports,
and ignores code that is compiled only for tests. A parent module may name its children
(`mod child; pub use child::Name;`) if no child uses the parent.
"""

import pathlib
import re
import sys

PROJECT = pathlib.Path(__file__).resolve().parent.parent

Module = tuple[str, ...]


def read_modules(source: pathlib.Path) -> dict[Module, str]:
    """Returns the text of each module of a crate, without comments and tests."""
    found = {}
    for path in sorted(source.rglob("*.rs")):
        name = path.relative_to(source).with_suffix("").parts
        if name == ("lib",):
            name = ()
        if name and name[-1] == "tests":
            continue
        text = re.sub(r"//[^\n]*", "", path.read_text(encoding="utf-8"))
        found[name] = re.split(r"#\[cfg\((?:all\()?test\b[^\]]*\]\s*mod tests", text)[0]
    return found


def paths_of(tree: str) -> list[str]:
    """Returns the paths of a use tree: `a::{b, c::d}` gives `a::b` and `a::c::d`."""
    group = re.match(r"^(.*?)\{(.*)\}$", tree.strip(), re.S)
    if not group:
        return [tree.strip()]
    parts, depth, part = [], 0, ""
    for character in group[2] + ",":
        if character == "," and depth == 0:
            parts.append(part)
            part = ""
            continue
        depth += (character == "{") - (character == "}")
        part += character
    return [group[1] + path for part in parts if part.strip() for path in paths_of(part)]


def uses(text: str, public: bool = False) -> list[str]:
    word = r"\bpub(?:\([^)]*\))?\s+use" if public else r"\buse"
    return [path for tree in re.findall(word + r"\s+([^;]+);", text) for path in paths_of(tree)]


def resolve(found: dict[Module, str], at: Module, path: str) -> Module | None:
    """Resolves a path in the module `at` to a module of the crate, or to None."""
    parts = [re.sub(r"\s+as\s.*", "", part).strip() for part in path.split("::")]
    if parts[0] == "crate":
        base, parts = (), parts[1:]
    elif parts[0] == "super":
        base = at
        while parts and parts[0] == "super":
            base, parts = base[:-1], parts[1:]
    elif parts[0] == "self":
        base, parts = at, parts[1:]
    elif at + (parts[0],) in found:
        base = at
    else:
        return None
    while parts and base + (parts[0],) in found:
        base, parts = base + (parts[0],), parts[1:]
    # A name that the module re-exports from a child belongs to the child.
    while parts:
        of_children = (
            base + tuple(part.strip() for part in use.split("::")[:-1])
            for use in uses(found.get(base, ""), public=True)
            if use.split("::")[-1].strip() == parts[0]
        )
        child = next((child for child in of_children if child in found and child != base), None)
        if child is None:
            break
        base = child
    return base


def find_edges(found: dict[Module, str]) -> dict[Module, set[Module]]:
    result = {}
    for at, text in found.items():
        rest = re.sub(r"\buse\s+[^;]+;", "", text)
        paths = uses(text) + re.findall(r"\b(?:crate|super)(?:::\w+)+", rest)
        children = [module[-1] for module in found if module and module[:-1] == at]
        for child in children:
            paths += re.findall(rf"\b{child}::\w+", rest)
        targets = (resolve(found, at, path) for path in paths)
        result[at] = {module for module in targets if module is not None and module != at}
    return result


def find_cycles(graph: dict[Module, set[Module]]) -> list[list[Module]]:
    """Returns the groups of modules that reach each other."""
    reached = {}
    for start in graph:
        seen, queue = set(), [start]
        while queue:
            for module in graph.get(queue.pop(), ()):
                if module not in seen:
                    seen.add(module)
                    queue.append(module)
        reached[start] = seen
    groups = {
        frozenset(other for other in graph if other in reached[start] and start in reached[other])
        for start in graph
        if start in reached[start]
    }
    return [sorted(group) for group in groups]


def main() -> int:
    sources = [PROJECT / "src", *sorted(PROJECT.glob("crates/*/src"))]
    files = cycles = 0
    for source in sources:
        found = read_modules(source)
        files += len(found)
        graph = find_edges(found)
        for group in find_cycles(graph):
            cycles += 1
            print(f"{source.relative_to(PROJECT)}: these depend on each other:")
            for module in group:
                inside = ", ".join("::".join(to) or "lib" for to in sorted(graph[module]) if to in group)
                print(f"  {'::'.join(module) or 'lib'} -> {inside}")
    print(f"{files} files of {len(sources)} crates, {cycles} cycles")
    return 1 if cycles else 0


if __name__ == "__main__":
    sys.exit(main())
