"""Writes the bill of materials (CycloneDX 1.5): every crate used to build `aidlink` and
`aidlink-screen` on x86_64-unknown-linux-gnu, with its licence and its checksum from the lock
file. Crates linked into a program have the scope `required`; crates used only during the
build (build scripts, procedural macros) have `excluded`.

    python3 tests/sbom.py            writes docs/sbom.cdx.json
    python3 tests/sbom.py --check    fails if that file does not match Cargo.lock

The list comes from `cargo tree`, which resolves features as a build does. cargo-cyclonedx
(0.5.9, with --target) and other tools that read `cargo metadata` also follow optional
dependencies whose feature is off, and list crates that no program has.
"""

import json
import pathlib
import subprocess
import sys
import tomllib

PROJECT = pathlib.Path(__file__).resolve().parent.parent
FILE = PROJECT / "docs/sbom.cdx.json"
TARGET = "x86_64-unknown-linux-gnu"
# The package of each program.
PROGRAMS = {"aidlink": "aidlink", "aidlink-screen": "aidlink-centre"}


def tree(package, edges):
    """Returns the dependencies and the licences of every crate in a package's tree, by
    (name, version)."""
    printed = subprocess.run(
        ["cargo", "tree", "--locked", "--package", package, "--target", TARGET, "--edges", edges, "--prefix", "depth",
         "--format", "\t{p}\t{l}\t"],
        cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True).stdout
    needs, licences, path = {}, {}, []
    for line in printed.splitlines():
        # "3<tab>serde v1.0.229 (proc-macro)<tab>MIT OR Apache-2.0<tab> (*)". The dependencies of a
        # package marked (*) are printed where it first occurs.
        depth, described, licence, _ = line.split("\t")
        name, version = described.split()[:2]
        crate = (name, version.removeprefix("v"))
        licences[crate] = licence.replace("/", " OR ")
        needs.setdefault(crate, set())
        path[int(depth):] = [crate]
        if len(path) > 1:
            needs[path[-2]].add(crate)
    return needs, licences


def reference(crate):
    return "pkg:cargo/{}@{}".format(*crate)


def sbom():
    lock = tomllib.loads((PROJECT / "Cargo.lock").read_text("utf-8"))
    checksums = {(entry["name"], entry["version"]): entry.get("checksum") for entry in lock["package"]}
    needs, licences, linked, roots = {}, {}, set(), {}
    for program, package in PROGRAMS.items():
        built, stated = tree(package, "normal,build")
        roots[program] = next(iter(built))
        licences |= stated
        for crate, needed in built.items():
            needs.setdefault(crate, set()).update(needed)
        linked |= tree(package, "normal,no-proc-macro")[0].keys()
    components = []
    for crate in sorted(needs):
        component = {"type": "library", "bom-ref": reference(crate), "name": crate[0], "version": crate[1],
                     "scope": "required" if crate in linked else "excluded", "purl": reference(crate)}
        if licences[crate]:
            component["licenses"] = [{"expression": licences[crate]}]
        if checksums[crate]:
            component["hashes"] = [{"alg": "SHA-256", "content": checksums[crate]}]
        components.append(component)
    version = roots["aidlink"][1]
    programs = [{"type": "application", "bom-ref": f"program:{program}", "name": program, "version": version}
                for program in PROGRAMS]
    dependencies = [{"ref": f"program:{program}", "dependsOn": [reference(root)]} for program, root in roots.items()]
    dependencies += [{"ref": reference(crate), "dependsOn": sorted(map(reference, needs[crate]))}
                     for crate in sorted(needs)]
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "product:aidlink", "name": "aidlink",
                                   "version": version, "components": programs}},
        "components": components, "dependencies": dependencies,
    }


made = sbom()
text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
if "--check" not in sys.argv:
    FILE.write_text(text, "utf-8")
elif not FILE.exists() or FILE.read_text("utf-8") != text:
    sys.exit("docs/sbom.cdx.json does not match Cargo.lock; run `python3 tests/sbom.py`")
linked = sum(component["scope"] == "required" for component in made["components"])
print(f"docs/sbom.cdx.json: {len(made['components'])} crates, {linked} of them linked into a program")
