"""Times the centre's join of large token files, by aidlink-screen and by DuckDB in turn.

python benches/peers/token_join.py --screen aidlink-screen --aidlink aidlink \
    --made made_token_files --parties 1000000 --persons 100000000 --folder DIR

DuckDB does only the join: the outcomes of every person of the register who is a case
party. aidlink-screen also verifies the checksums and the senders' signatures of the files,
checks the order of the tokens and the outcomes of every row, evaluates the policy and writes
the leads. A third row is DuckDB after `sha256sum -c` and `minisign -V` of the same files.
All must count the same persons.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

from measure import measure
from offices import as_split, signers

DUCKDB = """
import sys, duckdb
connection = duckdb.connect()
connection.execute("set enable_progress_bar = false")
cases, register, threads = sys.argv[1:]
connection.execute(f"set threads = {threads}")
rules = [row[0] for row in connection.execute(
    f"describe select * exclude (token) from read_parquet('{register}')").fetchall()]
counts = ", ".join(f"count(*) filter (where {rule} = 3)" for rule in rules)
row = connection.execute(f'''
    select count(*), {counts} from read_parquet('{register}') as register
    where token in (select token from read_parquet('{cases}'))''').fetchone()
print(row[0])
"""

CHECKS = '''
set -eu
checked() {
    (cd "${1%/*}" && sha256sum --check --status "${1##*/}.sha256")
    minisign -V -q -m "$1" -p "$2"
}
checked "$1" "$5/procuratorate.pub"
checked "$2" "$5/civil-affairs.pub"
"$4" -c "$6" "$1" "$2" "$3"
'''


def make_round(aidlink, folder):
    """Makes a plain split round, with every office's signing key beside the round file."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = [aidlink, "sample", "--dirt", "none", "--out", folder, "--quiet"]
    subprocess.run(made, check=True)
    round_file = folder / "round.toml"
    round_file.write_text(as_split(round_file.read_text(), signers(aidlink, folder)))


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--aidlink", required=True)
    arguments.add_argument("--screen", required=True)
    arguments.add_argument("--made", required=True)
    arguments.add_argument("--parties", type=int, default=1_000_000)
    arguments.add_argument("--persons", type=int, default=100_000_000)
    arguments.add_argument("--folder", type=pathlib.Path, required=True)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--threads", type=int, default=1, help="of both programs")
    options = arguments.parse_args()
    folder = options.folder
    round_file = folder / "round/round.toml"
    if not round_file.exists():
        make_round(options.aidlink, folder / "round")
    tokens = folder / f"tokens-{options.parties}-{options.persons}"
    if not tokens.exists():
        subprocess.run([options.made, str(round_file), str(options.parties),
                        str(options.persons), str(tokens)], check=True)
    cases = tokens / "procuratorate.case-parties.tokens.parquet"
    register = tokens / "civil-affairs.assistance.tokens.parquet"
    output = folder / "screened"
    os.environ["RAYON_NUM_THREADS"] = str(options.threads)
    threads = str(options.threads)
    commands = {
        "aidlink-screen": [options.screen, "run", str(round_file), "--tokens", str(cases),
                           str(register), "--signing-key", str(folder / "round/centre.key"),
                           "--output", str(output)],
        "DuckDB": [sys.executable, "-c", DUCKDB, str(cases), str(register), threads],
        "DuckDB, files verified": ["sh", "-c", CHECKS, "sh", str(cases), str(register), threads,
                                   sys.executable, str(folder / "round"), DUCKDB],
    }
    seconds = {name: [] for name in commands}
    processor = {name: [] for name in commands}
    peak = {name: 0 for name in commands}
    counts = {}
    for _ in range(options.runs):
        shutil.rmtree(output, ignore_errors=True)
        for name, command in commands.items():
            printed, (took, busy, memory) = measure(command, (0, 3))
            seconds[name].append(took)
            processor[name].append(busy)
            peak[name] = max(peak[name], memory)
            if name != "aidlink-screen":
                counts[name] = int(printed)
            else:
                manifest = json.loads((output / "manifest.json").read_text())
                received = {one["export"]: one["tokens"] for one in manifest["received"] if "tokens" in one}
                counts[name] = received["civil-affairs.assistance"]["matched"]
    size = (cases.stat().st_size + register.stat().st_size) / 1e6
    print(f"{options.persons:,} tokens of a register, {options.parties:,} case parties, "
          f"{size:,.0f} MB; medians of {options.runs} in turn, {options.threads} threads, "
          "files in the page cache")
    for name, took in seconds.items():
        print(f"{name:22} {statistics.median(took):7.2f} s  "
              f"({min(took):.2f}..{max(took):.2f})  "
              f"{statistics.median(processor[name]):7.2f} CPU s  {peak[name]:7.0f} MiB")
    for peer in list(commands)[1:]:
        for kind, took in (("wall time", seconds), ("processor time", processor)):
            ratio = statistics.median(took[peer]) / statistics.median(took["aidlink-screen"])
            print(f"aidlink-screen : {peer} = 1 : {ratio:.2f} ({kind})")
    if len(set(counts.values())) != 1:
        sys.exit(f"the counts differ: {counts}")
    print(f"persons of the register who are a case party: {counts['DuckDB']:,}, equal")


if __name__ == "__main__":
    main()
