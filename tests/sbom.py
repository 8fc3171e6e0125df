"""The bill of materials, CycloneDX 1.5: every crate that the commands are built
of, with its licence and the checksum of the lock file.

    python3 tests/sbom.py            writes docs/sbom.cdx.json
    python3 tests/sbom.py --check    fails when that is not of this Cargo.lock
"""

import json
import pathlib
import subprocess
import sys
import tomllib

PROJECT = pathlib.Path(__file__).resolve().parent.parent
FILE = PROJECT / "docs/sbom.cdx.json"


def sbom():
    metadata = json.loads(subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"],
        cwd=PROJECT, check=True, capture_output=True).stdout)
    lock = tomllib.loads((PROJECT / "Cargo.lock").read_text())
    checksums = {(entry["name"], entry["version"]): entry.get("checksum") for entry in lock["package"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    # From the two commands along everything but what tests alone need.
    reached, open_ = set(), [id for id in metadata["workspace_members"]]
    while open_:
        id = open_.pop()
        if id not in reached:
            reached.add(id)
            open_ += [dep["pkg"] for dep in nodes[id]["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])]

    def reference(id):
        package = packages[id]
        return f"pkg:cargo/{package['name']}@{package['version']}"

    components, dependencies = [], []
    for id in sorted(reached, key=reference):
        package = packages[id]
        component = {"type": "library", "bom-ref": reference(id), "name": package["name"], "version": package["version"],
                     "purl": reference(id)}
        if package.get("license"):
            component["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
        checksum = checksums.get((package["name"], package["version"]))
        if checksum:
            component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        components.append(component)
        needed = {reference(dep["pkg"]) for dep in nodes[id]["deps"]
                  if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])}
        dependencies.append({"ref": reference(id), "dependsOn": sorted(needed)})
    root = next(package for package in metadata["packages"] if package["name"] == "aidlink")
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": {"type": "application", "name": "aidlink", "version": root["version"]}},
        "components": components, "dependencies": dependencies,
    }


text = json.dumps(sbom(), indent=1, ensure_ascii=False) + "\n"
if "--check" not in sys.argv:
    FILE.write_text(text)
elif not FILE.exists() or FILE.read_text() != text:
    sys.exit("docs/sbom.cdx.json is not of this Cargo.lock: python3 tests/sbom.py")
print(f"docs/sbom.cdx.json: {text.count('bom-ref')} components")
