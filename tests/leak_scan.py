"""Searches every byte that every command writes for personal data and keys.

Every command runs under strace, on success and on its failure paths. strace records
every write to files, named or unnamed, to standard output and to standard error. The
writes must not contain

- an ID number of the inputs;
- anything in the form of an ID number (18 or 15 digits with a possible date), of a mobile
  or landline telephone number, or of a bank card number, in digits of any script, in groups
  separated by up to three characters that are neither letters nor digits;
- a name of the inputs, except on the procuratorate's own lists (below lists/for-review/)
  and in its workbooks and person pages (below review/), where the policy discloses names,
  and in the register, its ledger and what `show` and the like print, which name persons;
- the round's key, the register's key or a signing key, except in their key files.

A register is a file of SQLite: every write to it is searched for the numbers that were put
into the inputs, in text of any encoding and as integers, and afterwards every value in it.

No command may create a socket, or write to a file elsewhere than beside the inputs and outputs.

    python3 tests/leak_scan.py AIDLINK AIDLINK_SCREEN

Workbooks are unpacked, and each of their parts is searched.

The search is independent of the program's own search.
"""

import csv
import gzip
import io
import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unicodedata
import zipfile

PROJECT = pathlib.Path(__file__).resolve().parent.parent
AIDLINK, SCREEN = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
if shutil.which("strace") is None:
    sys.exit("strace is not installed; leaks cannot be searched for")
WORK = pathlib.Path(tempfile.mkdtemp(prefix="leaks-"))
INNER = "tests/rounds/round"
KEY = "0123456789abcdef" * 4

# ---------------------------------------------------------------- what must not be found

# How a character is folded before the search: digits of every script, circled digits and
# Chinese numerals become ASCII digits, characters that look like an X become X, and
# characters without width are dropped. A second fold keeps only decimal digits, so that
# ①13800000000 and 同一13800000000 are found too.
CHINESE = {c: str(value) for value, written in enumerate(
    ["〇零○◯", "一壹幺", "二贰貳", "三叁參", "四肆", "五伍", "六陆陸", "七柒", "八捌", "九玖"]) for c in written}
CHECK = dict.fromkeys("XxＸｘХхΧχⅩⅹ×✕✖", "X")


def fold_of(character, decimal_only):
    category = unicodedata.category(character)
    if character in CHECK:
        return "X"
    if character in CHINESE:
        return "年" if decimal_only else CHINESE[character]
    if category in ("Cf", "Mn", "Me") or character in "\u115f\u1160\u3164\uffa0":
        return ""
    value = unicodedata.digit(character, None)
    if value is not None and (category == "Nd" or not decimal_only):
        return str(value)
    if character.isalnum():
        return character if character.isascii() else "年"
    # Three kinds of characters are neither letters nor digits: asterisks, list separators, others.
    return character if character in "*," else "," if character in "，、；;：:。|｜" else "-"


FOLDS = [{code: fold_of(chr(code), decimal_only) for code in range(sys.maxunicode + 1)
          if fold_of(chr(code), decimal_only) != chr(code)} for decimal_only in (False, True)]
# Digests and key ids. 64 hexadecimal digits count even without a letter.
DIGEST = re.compile(r"\b(?:[0-9a-fA-F]{64}|(?=(?:\d*[a-fA-F]){2})(?:[0-9a-fA-F]{16}|[0-9a-fA-F]{32}|[0-9a-fA-F]{40}))\b")
# Key ids in JSON: sixteen hexadecimal digits may all be decimal, like a bank card number.
KEY_ID = re.compile(r'("(?:key_id|id)"\s*:\s*")[0-9a-fA-F]{16}(?=")')
# Up to three characters that are neither letters nor digits separate the groups of a number.
# Three asterisks are a blacked-out number, and no separator.
GAP = re.compile(r"[-,*]+")


def gap(found):
    found = found[0]
    if len(found) > 3 or found == "***":
        return " "
    return "," if "," in found else "-"


# Between groups: an optional separator.
S = "[-,]?"
DAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
DATE = rf"(?:(?:19|20)\d\d{DAY})(?!\d)"
MONTH, DAY_OF_MONTH = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
PROVINCE = r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])"
CHINA = f"(?:(?:00)?86{S})?"
FORMS = [
    ("ID number", rf"[1-9]\d{{5}}{S}(?:18[5-9]\d|19\d\d|20\d\d){S}{MONTH}{S}{DAY_OF_MONTH}{S}\d{{3}}{S}[\dX]"),
    ("ID number of 15 digits", rf"(?<!\d)(?!(?:19|20)\d\d{DAY})[1-9]\d{{5}}(?:{S}\d\d{S}|\d\d){MONTH}{S}{DAY_OF_MONTH}{S}\d{{3}}(?!\d)"),
    ("foreigner's ID", rf"(?<![A-Za-z])(?:[A-Z]{{3}}{S}|[a-z]{{3}}){PROVINCE}\d\d{S}\d\d{DAY}{S}\d\d(?!\d)"),
    ("mobile", rf"(?<!\d){CHINA}(?:0{S})?1[3-9]\d(?:\d{{8}}|[-,]\d{{4}}{S}\d{{4}}|\d{{4}}-\d{{4}})(?!\d)"),
    ("mobile", rf"(?<!\d){CHINA}(?:0{S})?1[3-9]\d[-,]\d{{3}}[-,]\d{{5}}(?!\d)"),
    ("landline", rf"(?<!\d){CHINA}0(?:10|2\d){S}(?!{DATE})[2-9]\d{{3}}{S}\d{{4}}(?!\d)"),
    ("landline", rf"(?<!\d){CHINA}0(?:10|2\d)[-,][2-9]\d{{2}}{S}\d{{4}}(?!\d)"),
    ("landline", rf"(?<!\d){CHINA}0[3-9]\d\d{S}(?!{DATE})[2-9]\d{{2,3}}{S}\d{{4}}(?!\d)"),
    ("landline", rf"(?<!\d)(?:0086{S}|86[-,])(?:(?:10|2\d){S}[2-9]\d{{3}}|[3-9]\d\d{S}[2-9]\d{{2,3}}){S}\d{{4}}(?!\d)"),
    ("400 number", r"(?<!\d)[48]00(?:\d{3}(?!0000)\d{4}|[-,]\d{3}[-,]?\d{4}|[-,]\d{4}[-,]\d{3})(?!\d)"),
]
FORMS = [(what, re.compile(pattern)) for what, pattern in FORMS]
# 18 digits in any groups count if they have a correct check digit and a possible date.
ANY_18 = re.compile(rf"(?=(?<!\d)([1-9](?:{S}\d){{16}}{S}[\dX])(?!\d))")
CARD = re.compile(rf"(?<!\d)(?:\d{{4}}{S}\d{{4}}{S}\d{{4}}{S}\d{{4}}(?:{S}\d{{1,3}})?|\d{{6}}[-,]\d{{10,13}})(?!\d)")


def luhn(digits):
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0


def is_card(found):
    digits = re.sub(r"\D", "", found)
    groups = re.split(r"\D", found)
    amounts = len(groups) > 1 and all(group.endswith("00") and group[0] != "0" for group in groups)
    issued = (digits.startswith("62") or len(digits) == 16 and digits[0] in "345"
              or len(digits) == 19 and digits.startswith(("60", "68", "69", "9558")))
    return issued and digits[6:8] != "20" and not amounts and luhn(digits)


def has_check_digit(found):
    digits = re.sub(r"[^\dX]", "", found)
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    total = sum(weight * int(digit) for weight, digit in zip(weights, digits))
    return (len(re.findall("[-,]", found)) < 6 or len(found) == 35) and digits[17] == "10X98765432"[total % 11] and bool(
        re.match(rf"(?:18[5-9]\d|19\d\d|20\d\d){DAY}", digits[6:14]))


def find_form(text):
    text = DIGEST.sub("年", KEY_ID.sub(r"\1年", text))
    for fold in FOLDS:
        folded = GAP.sub(gap, text.translate(fold))
        for what, pattern in FORMS:
            for found in pattern.findall(folded):
                # 150，3000，2000 are amounts.
                groups = re.split("[-,]", found)
                amounts = what == "mobile" and "," in found and all(
                    group.endswith("00" if place else "0") and group[0] != "0" for place, group in enumerate(groups))
                if not (amounts and len(groups) > 1):
                    return what
        if any(has_check_digit(found) for found in ANY_18.findall(folded)):
            return "ID number"
        if any(is_card(found) for found in CARD.findall(folded)):
            return "bank card"
    return None


# Every combination of these numbers, separators and scripts must be found.
GROUPS = [["449901", "19900101", "011X"], ["449901", "1990", "01", "01", "0111"], ["4499", "0119", "9001", "0101", "1X"],
          ["449901", "900101", "011"], ["830000", "19900101", "0112"], ["ABC4499", "900101", "01"],
          ["138", "0000", "1234"], ["138", "00001234"], ["0138", "0000", "1234"], ["86", "138", "0000", "1234"],
          ["0086", "138", "0000", "1234"], ["0751", "2000000"], ["020", "2000", "0000"], ["0755", "20000000"],
          ["400", "000", "1234"], ["6222", "0200", "0000", "0000", "000"], ["4111", "1111", "1111", "1111"]]
BETWEEN = ["", " ", "  ", "   ", "\t", "\r\n", "\x00", "\x1b", "\xa0", "\u2009", "\u2028", "\u3000", "-", "--", "‐", "–", "—", "——", "－",
           "~", "_", ".", "..", "·", "…", "。", ",", "，", ", ", "、", ";", "；", ":", "：", "/", " / ", "\\", "|", "*", "#", "+", "=", "'",
           "\"", "(", ")", "（", "）", "[", "】", "《", "★", "\ufffd", "\xad", "\u200b", "\u200e", "\u202e", "\u2060", "\u2066", "\ufe0f",
           "\ufeff", "\U000e0020", "\u0336", "\u200b" * 5]
SCRIPTS = ["0123456789", "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९", "⁰¹²³⁴⁵⁶⁷⁸⁹", "⓪①②③④⑤⑥⑦⑧⑨", "〇一二三四五六七八九"]
PLANTED = [f"甲{between.join(groups).translate(str.maketrans(SCRIPTS[0], script))}乙"
           for groups in GROUPS for between in BETWEEN for script in SCRIPTS]
PLANTED += ["4 4 9 9 0 1 1 9 9 0 0 1 0 1 0 1 1 X", "甲449901199001010111乙", "４４９９０１１９９００１０１０１１Ｘ", "449901900101011",
            "①13800001234", "同一13800001234", "+86 (0)138 0000 1234", "86 751 2000000", "07512000000"]
# Text of ordinary outputs that must not be found.
NOT_PLANTED = ["2026-09-30 2026Q3-00001 " + "1234567890abcdef" * 4, "（2024）粤0203刑初123号", "20240131-20240229", "2024-01-31,2024-02-29",
               "二〇二六年三月一日", "3000，4000，5000，6000元", "150，3000，2000", "d432a71f3462fef5", "202644020300000012345678", "44020326000123",
               "4402032026000122", "2026-09-30T12:00:00Z", "甲 *** 乙", "12345678901", "448,12,3,0,1990,2026",
               "export.csv:1380000:1234", "800,000,000.00", "1,234,567.89", '"key_id": "6222020000000007"']


def personal_data(folder):
    """Returns the ID numbers and names in the exports."""
    ids, names = set(), set()
    for path in folder.glob("*.csv"):
        # Damaged exports may not be UTF-8; their readable rows still count.
        lines = path.read_bytes().decode("utf-8-sig", errors="ignore").replace("\0", "").splitlines()
        for row in csv.DictReader(lines):
            number = (row.get("national_id") or "").strip()
            if len(number) >= 15 and number[:15].isdigit():
                ids.add(number)
            for column in ("name", "handler"):
                name = (row.get(column) or "").strip()
                if len(name) >= 3 and not name.isascii():
                    names.add(name)
    return ids, names


# ---------------------------------------------------------------- what a command writes

WRITES = "write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,copy_file_range,sendfile"
CALL = re.compile(r"^\d+\s+(\w+)\((\d+)<([^>]*)>(.*)$")
HEX = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def trace(argv):
    """Runs a command and returns its result, its writes by path, and its number of socket calls."""
    log = WORK / "trace"
    ended = subprocess.run(
        ["strace", "-f", "-qq", "-y", "-xx", "-s", "100000000", "-o", str(log), "-e",
         f"trace={WRITES},socket,connect,bind,io_uring_setup"] + argv,
        capture_output=True, stdin=subprocess.DEVNULL)
    written, sockets = {}, 0
    for line in log.read_text().splitlines():
        call = CALL.match(line)
        if call and call[1] not in ("connect", "bind"):
            path = bytes.fromhex(call[3].replace("\\x", "")).decode() if call[3].startswith("\\x") else call[3]
            if call[1] in ("copy_file_range", "sendfile"):
                raise SystemExit(f"{argv}: the content of {call[1]} cannot be searched")
            data = b"".join(bytes.fromhex(part.replace("\\x", "")) for part in HEX.findall(call[4]))
            written[path] = written.get(path, b"") + data
        elif re.match(r"^\d+\s+(socket|connect|bind|io_uring_setup)\(", line):
            sockets += 1
    return ended, written, sockets


# ---------------------------------------------------------------- rounds

def project(name):
    root = WORK / name
    for part in ["policies", "schemas", "calendars"]:
        shutil.copytree(PROJECT / part, root / part)
    folder = root / INNER
    shutil.copytree(PROJECT / "tests/rounds/hand-made", folder)
    # Personal numbers in a column that lists show.
    path = folder / "procuratorate.case-parties.csv"
    rows = list(csv.reader(path.open(encoding="utf-8-sig")))
    header = rows[0]
    handler = header.index("handler")
    for row, text in zip(rows[1:], ["张某 44990119900101011X", "13800000000", "0751-2000000", "李某 449901 19900101 011X",
                                    "6222020000000000000", "449901900101011", "449901\t19900101\t011X", "449901.19900101.011X", "138\n0000\n1234",
                                    "449901　19900101—011Х", "+86 138 0000 1234", "008613800001234", "①③⑧⓪⓪⓪⓪①②③④"] * 40):
        row[handler] = text
    csv.writer(path.open("w", encoding="utf-8", newline="")).writerows(rows)
    key = folder / "round.key"
    key.write_text(f"round = 'HAND'\npurpose = 'joint-screening'\nkey = 'aidlink-round-key-v2:{KEY}'\n")
    key.chmod(0o600)
    return folder


def edit(path, old, new):
    text = path.read_text()
    assert old in text, (path, old)
    path.write_text(text.replace(old, new, 1))


OFFICES = ["procuratorate", "civil-affairs", "education", "disabled-federation", "veterans", "centre"]


def signing_key(office):
    return str(WORK / f"{office}.signing.key")


def split(folder):
    recipients = {}
    for name in ("centre", "procuratorate"):
        ended = subprocess.run([AIDLINK, "identity", "new", str(WORK / name), "--lang", "en"], capture_output=True, text=True)
        recipients[name] = ended.stdout.split()[-1] if ended.returncode == 0 else recipients_before[name]
    recipients_before.update(recipients)
    signers = {}
    for office in OFFICES:
        key = pathlib.Path(signing_key(office))
        if not key.exists():
            subprocess.run([AIDLINK, "signing", "new", str(key)], capture_output=True, check=True)
        signers[office] = key.with_suffix(".pub").read_text().splitlines()[1]
    edit(folder / "round.toml", 'mode = "pooled"', 'mode = "split"')
    edit(folder / "round.toml", "\n[key]", "\n[sealing]\n" + "".join(f'{name} = "{key}"\n' for name, key in recipients.items())
         + "\n[signing.signers]\n" + "".join(f'{office} = "{key}"\n' for office, key in signers.items()) + "\n[key]")


recipients_before = {}
counts = {"commands": 0, "files": 0, "bytes": 0, "failure paths": 0, "workbooks": 0, "values in registers": 0}
leaks = []


def searched(path, data):
    """Returns the texts to be searched of what was written to a file. A workbook is packed: the
    text of each of its parts. Tags end numbers, as cells do; attributes are searched, too."""
    is_ledger = "ledger.xlsx" in path
    if not (is_ledger or "/review/" in path and path.endswith(".xlsx")):
        return [data.decode("utf-8", errors="replace")]
    counts["workbooks"] += 1
    with zipfile.ZipFile(io.BytesIO(data)) as workbook:
        parts = [workbook.read(name).decode("utf-8") for name in workbook.namelist()]
    marks = ["内部资料", "internal"] if is_ledger else ["保密", "CONFIDENTIAL"]
    assert any(mark in part for part in parts for mark in marks), path
    return [re.sub(r"[<>]", "年", part) for part in parts]


# What the inputs have in columns and options where no number belongs.
NUMBERS = ["44990119900101011X", "13800001234", "13800000000", "6222020000000000000", "449901900101011"]
# Files of SQLite, among them those of an unfinished register or backup.
IS_REGISTER = re.compile(r"register\.db(\.unfinished|\.partial-\w+)?(-wal|-journal)?$|backup\.db(\.partial-\w+)?(-wal|-journal)?$|\.partial-\w+/register\.db(-wal|-journal)?$")


def in_any_form(number):
    """Returns the bytes that a number may be in a file: in each encoding, and as an integer."""
    forms = [number.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
    if number.isdigit():
        value = int(number)
        forms += [value.to_bytes(size, order) for size in (6, 8) for order in ("big", "little") if value < 256 ** size]
    return forms


def scan_register(what, path):
    """Searches every value in a register."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as register:
        tables = [name for name, in register.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            for row in register.execute(f"SELECT * FROM {table}"):
                for value in row:
                    counts["values in registers"] += 1
                    form = find_form(value) if isinstance(value, str) else None
                    if form:
                        leaks.append(f"{what}: {table} in {path}: something like a {form}")
    register.close()


def scan(what, argv, folder, codes, languages=("en", "zh"), writes=None, named=(), keys=()):
    """`named`: parts of the paths on which names may be. `keys`: keys that may be in key files alone."""
    ids, names = personal_data(folder)
    names |= {"张某", "李某"}
    for language in languages:
        if writes and language != languages[0]:
            shutil.rmtree(folder / writes)
        ended, written, sockets = trace(argv + ["--lang", language])
        if ended.returncode not in codes:
            leaks.append(f"{what}: it ended with {ended.returncode}, not {codes}: {ended.stderr.decode()[-300:]}")
            return
        if sockets:
            leaks.append(f"{what}: it tried to create a socket")
        counts["commands"] += 1
        counts["failure paths"] += ended.returncode not in (0, 3, 4)
        for path, data in written.items():
            counts["files"] += 1
            counts["bytes"] += len(data)
            where = f"{what} ({language}): {path}"
            if path.startswith("/") and not path.startswith((f"{WORK}/", "/dev/", "/proc/", "/memfd:")):
                leaks.append(f"{where}: written elsewhere than beside the inputs and outputs")
            for number in NUMBERS + sorted(ids):
                if any(form in data for form in in_any_form(number)):
                    leaks.append(f"{where}: a number of the inputs")
            for key in keys:
                if key in data and not re.search(r"(register|new|signing)\.key", path):
                    leaks.append(f"{where}: a key")
            if IS_REGISTER.search(path) or path.endswith(".age") or ".age.partial-" in path:
                # Not text: its values are searched when it is complete.
                continue
            text = "\n年\n".join(searched(path, data))
            form = find_form(text)
            if form:
                leaks.append(f"{where}: something like a {form}")
            for number in ids:
                if number in text:
                    leaks.append(f"{where}: an ID number of the inputs")
            if not any(part in path for part in ("lists/for-review/", "/review/", *named)):
                for name in names:
                    if name in text:
                        leaks.append(f"{where}: a name of the inputs")
            if KEY in text and ".round.key.partial" not in path:
                leaks.append(f"{where}: the key")


# ---------------------------------------------------------------- every command

def run_on(folder, *more):
    return [AIDLINK, "run", str(folder / "round.toml"), *more]


def successes():
    folder = project("pooled")
    scan("run", run_on(folder), folder, [0], writes="output")
    output = str(folder / "output")
    scan("audit", [AIDLINK, "audit", str(folder)], folder, [4])
    scan("audit --rerun --json", [AIDLINK, "audit", str(folder), "--rerun", "--json", "--public-key", str(folder / "signing.pub")], folder, [0], ["en"])
    scan("audit --prove-minimisation", [AIDLINK, "audit", str(folder), "--prove-minimisation", "--public-key", str(folder / "signing.pub")], folder, [0])
    scan("audit verify", [AIDLINK, "audit", "verify", output], folder, [4], ["en"])
    scan("audit matrix", [AIDLINK, "audit", "matrix", str(folder / "round.toml"), "--output", str(folder / "matrix")], folder, [0], writes="matrix")
    scan("run, output exists", run_on(folder), folder, [2])
    scan("purge --dry-run", [AIDLINK, "purge", str(folder), "--dry-run"], folder, [0], ["en"])
    scan("purge", [AIDLINK, "purge", str(folder), "--early", "test"], folder, [0], ["en"])
    scan("purge again", [AIDLINK, "purge", str(folder)], folder, [0], ["zh"])
    scan("audit of what was purged", [AIDLINK, "audit", str(folder)], folder, [4], ["en"])

    folder = project("commands")
    for schema in ["veterans.persons", "procuratorate.case-parties", "civil-affairs.assistance"]:
        export = str(folder / f"{schema}.csv")
        scan(f"schema check {schema}", [AIDLINK, "schema", "check", export, "--schemas", str(PROJECT / "schemas"),
             "--policy", str(PROJECT / "policies/shaoguan.toml")], folder, [0, 3])
        scan(f"schema check --json {schema}", [AIDLINK, "schema", "check", export, "--schemas", str(PROJECT / "schemas"), "--json"], folder, [0, 3])
    policy = str(PROJECT / "policies/shaoguan.toml")
    for verb in ["check", "test", "explain"]:
        scan(f"policy {verb}", [AIDLINK, "policy", verb, policy], folder, [0])
    scan("completions", [AIDLINK, "completions", "bash"], folder, [0])
    (folder / "round.key").unlink()
    for verb in ["new", "id"]:
        scan(f"key {verb}", [AIDLINK, "key", verb, str(folder / "round.toml")], folder, [0], ["en"])
    scan("identity new", [AIDLINK, "identity", "new", str(folder / "identity")], folder, [0], ["en"])
    scan("signing new", [AIDLINK, "signing", "new", str(folder / "signing.key")], folder, [0], ["en"])

    folder = project("split")
    split(folder)
    round_file = str(folder / "round.toml")
    received = folder / "received"
    received.mkdir()
    for program in (AIDLINK, SCREEN):
        scan(f"{pathlib.Path(program).name} round terms", [program, "round", "terms", round_file], folder, [0])
    sealed = str(folder / "key.age")
    seal = [AIDLINK, "key", "seal", round_file, "--recipient", recipients_before["procuratorate"], "--out"]
    scan("key seal", seal + [sealed, "--signing-key", signing_key("procuratorate")], folder, [0], ["en"])
    scan("key seal, another office's signing key", seal + [str(folder / "no.age"), "--signing-key", signing_key("veterans")], folder, [1])
    shutil.move(folder / "round.key", folder / "kept.key")
    opening = [AIDLINK, "key", "open", round_file, "--identity", str(WORK / "procuratorate"), "--sealed"]
    scan("key open, an export instead of a key", opening + [str(folder / "veterans.persons.csv")], folder, [1])
    scan("key open", opening + [sealed], folder, [0], ["en"])
    shutil.move(folder / "kept.key", folder / "round.key")
    tokenise = [AIDLINK, "tokenise", round_file, "--export", "veterans.persons", "--signing-key"]
    scan("tokenise, another office's signing key", tokenise + [signing_key("education")], folder, [1])
    scan("tokenise, no signing key", tokenise + [str(WORK / "none.key")], folder, [1])
    for schema in ["procuratorate.case-parties", "procuratorate.referrals", "veterans.persons", "civil-affairs.assistance",
                   "education.students", "disabled-federation.persons"]:
        key = signing_key(schema.split(".")[0])
        scan(f"tokenise {schema}", [AIDLINK, "tokenise", round_file, "--export", schema, "--signing-key", key], folder, [0], writes="output")
        for file in (folder / "output/to-centre").iterdir():
            shutil.copy(file, received)
        shutil.rmtree(folder / "output")
    screen = [SCREEN, "run", round_file, "--signing-key", signing_key("centre"), "--tokens", str(received),
              "--identity", str(WORK / "centre")]
    scan("aidlink-screen run", screen, folder, [0], writes="output")
    shutil.move(folder / "output", folder / "at-centre")
    leads = str(folder / "at-centre/to-procuratorate/leads.json.age")
    resolve = [AIDLINK, "resolve", round_file, "--signing-key", signing_key("procuratorate"), "--leads", leads,
               "--identity", str(WORK / "procuratorate")]
    scan("resolve", resolve, folder, [0], writes="output")
    # The round file names the public keys that count.
    scan("audit of a split round", [AIDLINK, "audit", str(folder)], folder, [0])
    shutil.rmtree(folder / "output")
    # Faults between offices.
    scan("resolve with another identity", resolve[:-1] + [str(WORK / "centre")], folder, [1])
    scan("aidlink-screen run with another identity", screen[:-1] + [str(WORK / "procuratorate")], folder, [1])
    scan("aidlink-screen run without identity", screen[:-2], folder, [1])
    file = next(received.glob("*veterans*"))
    file.write_bytes(file.read_bytes()[:-40])
    scan("aidlink-screen run, a truncated file", screen, folder, [1])
    shutil.copy(folder / "veterans.persons.csv", file)
    scan("aidlink-screen run, an export among the token files", screen, folder, [1])
    scan("resolve, an export instead of leads", resolve[:5] + ["--leads", str(folder / "veterans.persons.csv")], folder, [1])
    (folder / "round.key").chmod(0o644)
    scan("tokenise, a key that others may read", tokenise + [signing_key("veterans")], folder, [1])
    scan("aidlink-screen purge", [SCREEN, "purge", str(folder / "at-centre"), "--early", "test", "--signing-key", signing_key("centre")],
         folder, [0, 3], ["en"])


def workbook(path, sheet, rows):
    """Writes a workbook of one sheet."""
    escape = lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    cells = lambda row: "".join(f'<c t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>' for cell in row)
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
        'relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/'
        'vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{relations}/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>",
        "xl/workbook.xml": f'<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="{relations}"><sheets>'
        f'<sheet name="{escape(sheet)}" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" Type="{relations}/worksheet" '
        'Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        + "".join(f"<row>{cells(row)}</row>" for row in rows) + "</sheetData></worksheet>",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def table(path, rows, encoding="utf-8"):
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)


def registers():
    """Every verb of `register`, with numbers of persons in every column, option and file name."""
    number, phone = NUMBERS[:2]
    folder = project("register")
    root = folder.parents[2]
    # Further columns that the register takes over.
    path = folder / "procuratorate.case-parties.csv"
    rows = list(csv.reader(path.open(encoding="utf-8-sig")))
    for column, text in [("unit", f"某单位 {phone}"), ("registered_place", f"某镇{number}"), ("guardian", f"某某（{phone}）")]:
        at = rows[0].index(column)
        for row in rows[1::3]:
            row[at] = text
    at = rows[0].index("case_number")
    for row in rows[1::50]:
        row[at] = f"（2026）粤{number}号"
    table(path, rows)
    round_file = str(folder / "round.toml")
    ended = subprocess.run(run_on(folder), capture_output=True)
    assert ended.returncode in (0, 3), ended.stderr
    beside = root / "register"
    register = str(beside / "register.db")
    keys = []
    # Persons are named in the register, and where somebody asks for them.
    in_register = ("/register", "backup", "ledger", "refused")
    on_terminal = (*in_register, "pipe:")

    def verb(what, name, *arguments, codes=(0,), languages=("en", "zh"), named=in_register):
        at = [] if name == "init" else ["--register", register]
        scan(f"register {what}", [AIDLINK, "register", name, *map(str, arguments), *at], folder, list(codes), languages, named=named, keys=keys)

    def later(*suffixes):
        """Returns what two runs of a verb need that makes a file."""
        return zip(("en", "zh"), suffixes)

    operator = ["--operator", "测试员"]
    verb("init", "init", beside, *operator, languages=["en"])
    keys += [line.split("'")[1].split(":")[-1].encode() for line in (beside / "register.key").read_text().splitlines() if line.startswith("key")]
    keys += [(beside / "signing.key").read_text().splitlines()[-1].encode()]
    assert len(keys) == 2 and all(len(key) > 40 for key in keys), keys
    verb("init, a number for a name", "init", root / "other", "--operator", f"张三{number}", codes=[2])
    verb("init, a number for a folder", "init", beside.parent / number / phone, *operator, codes=[1])
    verb("init in a round", "init", folder / number, *operator, codes=[2])
    key = ["--public-key", folder / "signing.pub"]
    verb("take, a number for a key", "take", round_file, "--public-key", number, codes=[1, 2])
    verb("take, no such round", "take", folder / number / f"{phone}.toml", codes=[1, 2])
    verb("take", "take", round_file, *key)
    ended = subprocess.run([AIDLINK, "register", "show", "--register", register, "--json"], capture_output=True)
    leads = [lead["lead"] for lead in json.loads(ended.stdout)["leads"]]

    # Filled lists.
    header = ["线索编号", "姓名", "核查结论", "理由", "备注", "核查人", "核查日期", f"附注{phone}"]
    good = lambda at: [leads[at], "", "不予移送", "收入超标", "", "张核", "2026-10-08", ""]
    filled = [header]
    for at in range(8):
        filled.append(good(at))
        if at < 7:
            filled[-1][at] = number if at % 2 else f"{phone} {number}"
    filled += [[number, "", "确认", "", "", "", "2026-10-08", ""], ["", number, "确认", phone, "", "", "", ""], [f"合计{number}", *[""] * 7]]
    table(folder / f"{number}.csv", filled)
    table(folder / "wps.csv", filled, "gb18030")
    workbook(folder / "filled.xlsx", f"清单{phone}", [[f"本表由{phone}填写"], *filled])
    for (language, suffix), file in zip(later("a", "b"), [f"{number}.csv", "filled.xlsx"]):
        verb("decide", "decide", round_file, folder / file, *key, "--refused", folder / f"refused-{suffix}.csv", codes=[3], languages=[language])
    verb("decide, GB18030", "decide", round_file, folder / "wps.csv", *key, "--json", codes=[3])
    verb("decide, a number for who decided", "decide", round_file, folder / "wps.csv", *key, "--decided-by", number, codes=[3])
    verb("decide, no list", "decide", round_file, folder / "veterans.persons.csv", *key, codes=[1])
    verb("decide, no such file", "decide", round_file, folder / f"{number}.xlsx", *key, codes=[1])

    # Events, one by one: a number in each option.
    lead = leads[20]
    event = {"--lead": lead, "--kind": "moved", "--on": "2026-10-09", "--set": "office=某县", "--operator": "测试员"}
    note = lambda changed: [part for option in {**event, **changed}.items() for part in option]
    for option, text in [("--lead", number), ("--kind", phone), ("--on", number), ("--set", f"{number}={phone}"), ("--set", f"office=某县{number}"),
                         ("--set", phone), ("--operator", phone), ("--approver", number), ("--because", f"电话 {phone}"), ("--lead", f"{number}-dibao"),
                         ("--correct", number), ("--register", root / f"{number}.db")]:
        changed = note({option: text})
        verb(f"note, {option}", "note", *changed, codes=[1, 2, 3])
    verb("note, a person", "note", "--person", number, "--kind", "told_rights", "--set", "way=call", *operator, codes=[3])
    verb("note, withdrawn", "note", "--withdraw", number, *operator, codes=[3])
    verb("note, an option", "note", f"--{number}", phone, codes=[2])
    verb("a verb", number, phone, codes=[2])
    verb("note", "note", *note({"--set": "office=某县人民检察院"}))
    # From a table: a number in each column, in headers, in the name of the sheet and of the file.
    header = ["线索编号", "人员编号", "事项", "日期", "更正事项编号", "撤销事项编号", "登记人", "审批人", "登记原因", "核查结论", "理由", "备注", number]
    events = [[f"登记表{number}"], header]
    for at in range(len(header)):
        events.append([leads[30 + at], "", "核查", "2026-10-09", "", "", "", "", "", "不予移送", "收入超标", "", ""])
        events[-1][at] = phone if at % 2 else f"{number}"
    events.append([leads[50], "", "核查", "2026-10-09", "", "", "", "", "", "确认", "", "已核查", ""])
    workbook(folder / f"{phone}.xlsx", number, events)
    table(folder / "events.csv", events)
    for file in [f"{phone}.xlsx", "events.csv"]:
        verb("note --csv", "note", "--csv", folder / file, *operator, codes=[3])
    verb("note --csv --json", "note", "--csv", folder / "events.csv", *operator, "--json", codes=[3])
    verb("note --csv, no table of events", "note", "--csv", folder / "education.students.csv", *operator, codes=[1])

    # A ledger. Its ID numbers become tokens.
    header = ["姓名", "公民身份号码", "拟救助项目", "发现日期", "线索编号", "案号", "户籍地", "核查结论", "理由", "核查人", "核查日期", "移送文号", "备注", phone]
    id_of = lambda at: rows[at][rows[0].index("national_id")]
    ledger = [[f"台账{number}"], header]
    for at in range(len(header)):
        ledger.append([f"某甲{at}", "", "低保", "2026-09-01", "", "", "", "", "", "", "", "", "", ""])
        ledger[-1][at] = number if at % 2 else phone
    ledger += [[f"某乙{at}", id_of(at), "临时救助", "2026-09-01", "", f"案{at}", "某镇", "确认", "", "张核", "2026-09-03", "", "", ""] for at in range(2, 6)]
    table(folder / f"ledger{number}.csv", ledger)
    workbook(folder / "ledger-in.xlsx", phone, ledger)
    by = ["--policy", "shaoguan", *operator]
    for (language, suffix), file in zip(later("c", "d"), [f"ledger{number}.csv", "ledger-in.xlsx"]):
        verb("import", "import", folder / file, *by, "--refused", folder / f"refused-{suffix}.csv", codes=[3], languages=[language])
    verb("import --json", "import", folder / "ledger-in.xlsx", *by, "--json", codes=[3])
    (folder / "reading.toml").write_text(f'headers = {{ "{number}" = "{phone}" }}\nvalues.aid."{phone}" = "{number}"\n')
    verb("import, a reading file", "import", folder / "ledger-in.xlsx", *by, "--reading", folder / "reading.toml", codes=[2])
    verb("import, no ledger", "import", folder / "round.toml", *by, codes=[1])
    verb("import, a policy", "import", folder / "ledger-in.xlsx", "--policy", number, *operator, codes=[2])

    # What is shown, and written out.
    for option in ["--name", "--case", "--lead", "--person", "--agency", "--stage"]:
        verb(f"show {option}", "show", option, number, codes=[0, 2])
    verb("show", "show", "--events", named=on_terminal)
    verb("show --json", "show", "--events", "--json", named=on_terminal, languages=["zh"])
    terms = ["--policy", "shaoguan"]
    verb("due", "due", *terms, "--as-of", "2026-11-20", "--all", named=on_terminal)
    verb("due, a number for a day", "due", *terms, "--as-of", number, codes=[2])
    for format in ["csv", "json", "xlsx"]:
        for language, name in later("ledger.", "zh-ledger."):
            out = folder / f"{name}{format}"
            verb(f"export {format}", "export", *terms, "--format", format, "--out", out, languages=[language])
    verb("export, a file that exists", "export", *terms, "--out", folder / f"{number}.csv", codes=[1])
    verb("backup", "backup", "--out", root / "backup.db", languages=["en"])
    verb("backup, a file that exists", "backup", "--out", folder / f"{number}.csv", codes=[1])
    verb("backup, a number for a recipient", "backup", "--out", root / "backup.age", "--seal-to", number, codes=[2])
    verb("backup --seal-to", "backup", "--out", root / "backup.age", "--seal-to", recipients_before["procuratorate"], languages=["en"])
    verb("verify", "verify")
    verb("verify, a number for a digest", "verify", "--accept", number, *operator, "--because", "丢失", codes=[1, 2])

    new = ["--new-key", root / "new.key", *operator, "--because"]
    export = folder / "procuratorate.case-parties.csv"
    verb("rekey, a number for a reason", "rekey", "--export", export, *new, phone, codes=[2])
    verb("rekey, no ID numbers", "rekey", "--export", folder / "reading.toml", *new, "更换", codes=[1])
    verb("rekey", "rekey", "--export", export, *new, "更换", codes=[3], languages=["en"], named=on_terminal)
    assert (root / "new.key").exists() or leaks
    for path in [register, root / "backup.db"]:
        scan_register("register", path)

    # What is no register: an export in its place, or in that of its head or its key.
    kept = (beside / "register.db.head.json").read_bytes()
    shutil.copy(export, beside / "register.db.head.json")
    verb("verify, an export for a head", "verify", codes=[1, 4])
    (beside / "register.db.head.json").write_bytes(kept)
    for file, name, arguments in [("register.key", "import", [folder / "ledger-in.xlsx", *by]), ("signing.key", "note", note({}))]:
        kept = (beside / file).read_bytes()
        shutil.copy(export, beside / file)
        (beside / file).chmod(0o600)
        verb(f"{name}, an export for a key", name, *arguments, codes=[1, 2])
        (beside / file).write_bytes(kept)
    shutil.copy(export, register)
    verb("verify, an export for a register", "verify", codes=[1, 4])
    verb("show, an export for a register", "show", codes=[1])


def check_confinement():
    """Checks that each command gives up core dumps and sockets when it starts."""
    for argv in [[AIDLINK, "policy", "check", str(PROJECT / "policies/shaoguan.toml")], [SCREEN, "--version"]]:
        log = WORK / "trace"
        subprocess.run(["strace", "-f", "-qq", "-o", str(log), "-e", "trace=prctl,prlimit64,setrlimit,seccomp,openat"] + argv,
                       capture_output=True)
        text = log.read_text()
        expected = {"core dumps limited": r"RLIMIT_CORE, \{rlim_cur=0, rlim_max=0\}", "not dumpable": r"PR_SET_DUMPABLE, SUID_DUMP_DISABLE",
                  "sockets refused": r"seccomp\(SECCOMP_SET_MODE_FILTER.*\) += 0"}
        for what, pattern in expected.items():
            if not re.search(pattern, text):
                leaks.append(f"{argv[0]}: no system call for: {what}")


def run_damaged(name, codes, change, argv=run_on):
    folder = project(name.replace(" ", "-"))
    change(folder)
    # A command that succeeds leaves a folder, so it runs in one language only.
    scan(name, argv(folder), folder, codes, ["en"] if 0 in codes or 3 in codes else ("en", "zh"))


def failures():
    export = "veterans.persons.csv"

    def rewrite(change, encoding="utf-8"):
        def apply(folder):
            path = folder / export
            path.write_bytes(change(path.read_text()).encode(encoding, errors="surrogateescape"))
        return apply

    first_row = lambda text: text.split("\n", 1)[1]
    run_damaged("no header", [1], rewrite(first_row))
    run_damaged("a number as a header", [1], rewrite(lambda text: "44990119900101011X,13800000000\n" + first_row(text)))
    run_damaged("a required column missing", [1], rewrite(lambda text: text.replace("national_id", "number", 1)))
    run_damaged("wide rows", [0, 1, 3], rewrite(lambda text: text.replace("\n", ",x,y,z\n").replace(",x,y,z\n", "\n", 1)))
    run_damaged("all rows bad", [1], rewrite(lambda text: re.sub(r"\d{17}[\dX]", "4402**********1630", text)))
    run_damaged("an open quote", [0, 1, 3], rewrite(lambda text: text.replace("\n", '\n"', 1)))
    run_damaged("an open quote in the header", [0, 1, 3], rewrite(lambda text: '"' + text))
    run_damaged("utf-16", [0], rewrite(lambda text: text, "utf-16"))
    run_damaged("utf-16 without a mark", [1], rewrite(lambda text: text, "utf-16-le"))
    run_damaged("binary", [1], lambda folder: (folder / export).write_bytes(bytes(range(256)) * 40))
    run_damaged("a web page", [1], rewrite(lambda text: "<html><table>" + text))
    run_damaged("nothing", [1], lambda folder: (folder / export).write_bytes(b""))
    run_damaged("a damaged archive", [1], lambda folder: (folder / export).write_bytes(gzip.compress((folder / export).read_bytes())[:-9]))
    run_damaged("a damaged workbook", [1], lambda folder: (folder / export).write_bytes(b"PK\x03\x04" + (folder / export).read_bytes()))
    run_damaged("a damaged parquet file", [1], lambda folder: (folder / export).write_bytes(b"PAR1" + (folder / export).read_bytes() + b"PAR1"))
    run_damaged("no export", [2], lambda folder: (folder / export).unlink())
    run_damaged("another round's key", [1], lambda folder: edit(folder / "round.key", "HAND", "OTHER"))
    run_damaged("a damaged key", [1], lambda folder: edit(folder / "round.key", KEY, KEY[:-1]))
    run_damaged("a key that others may read", [1], lambda folder: (folder / "round.key").chmod(0o644))
    run_damaged("a damaged signing key", [1], lambda folder: ((folder / "signing.key").write_text(f"x\n{KEY}\n"), (folder / "signing.key").chmod(0o600)))
    run_damaged("a faulty round file", [2], lambda folder: edit(folder / "round.toml", "operator =", "44990119900101011X ="), )
    run_damaged("an expired assessment", [2], lambda folder: edit(folder / "round.toml", "valid_until = 2027-06-30", "valid_until = 2025-06-30"))
    run_damaged("a path that leads out", [2], lambda folder: edit(folder / "round.toml", f'"{export}"', f'"../{export}"'))
    run_damaged("a faulty policy", [2], lambda folder: edit(folder.parent.parent.parent / "policies/shaoguan.toml", 'extends = "national"', 'extends = "natinal"'))
    run_damaged("a faulty schema", [2], lambda folder: edit(folder.parent.parent.parent / "schemas/veterans.persons.json", '"fields"', '"felds"'))
    run_damaged("a row with another person's number", [0, 3], lambda folder: edit(folder / "education.students.csv", "\n", "\n44990119900101011X,,2015-01-01\n"))
    run_damaged("schema check of a bad export", [1, 3], rewrite(lambda text: re.sub(r"(\d{17})[\dX]", r"\g<1>Z", text)),
          lambda folder: [AIDLINK, "schema", "check", str(folder / export), "--schemas", str(PROJECT / "schemas")])
    run_damaged("a folder that cannot be written", [2], lambda folder: None, lambda folder: run_on(folder, "--output", str(folder / "no/such/output")))


try:
    # First check that the search finds what it must and nothing else.
    missed = [text for text in PLANTED if not find_form(text)]
    mistaken = [text for text in NOT_PLANTED if find_form(text)]
    assert not missed and not mistaken, (missed[:5], len(missed), mistaken)
    check_confinement()
    successes()
    failures()
    registers()
finally:
    shutil.rmtree(WORK, ignore_errors=True)
    for leak in leaks:
        print(f"FAILED {leak}")
if not counts["workbooks"]:
    sys.exit("no workbook was written, so none was searched")
print("commands {commands} ({failure paths} of them failures), files written {files} ({workbooks} of them workbooks), bytes {bytes}, values in registers {values in registers}".format(**counts))
print(f"{counts['commands']} passed, {len(leaks)} failed")
sys.exit(1 if leaks else 0)
