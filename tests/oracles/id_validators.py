"""Compares aidlink's verdicts on ID numbers with those of three independent validators.

Usage: id_validators.py [--count N] [--seed N] [--classify PROGRAM] [--node-modules FOLDER]
A seeded generator makes valid numbers and numbers damaged in every way that occurs in exports, and records the
kind of each. The other validators are python-stdnum, id-validator of PyPI and id-validator of npm (through
id_validators.js). All get the unchanged cell, as aidlink does.
Prints the share of each kind that each validator accepts, then each class of difference with its count and which
side is right, and never an ID number. Exit code 1 if a verdict of aidlink is not the one expected for the kind,
or if a class of difference is not explained below.
"""

import argparse
import functools
import importlib.metadata
import json
import multiprocessing
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import id_validator.data
import stdnum
from id_validator import validator
from stdnum.cn import ric

HERE = Path(__file__).resolve().parent
AS_OF = date(2026, 9, 30)
OTHERS = ["stdnum", "pypi", "npm"]

# The PyPI package builds its region tables again for each number. Caching them does not change the verdicts.
for table in ["get_address_code", "get_address_code_timeline", "get_additional_address_code_timeline"]:
    setattr(id_validator.data, table, functools.cache(getattr(id_validator.data, table)))


# Regions, from the lists of the two Python packages.

# Dongguan and Zhongshan without their towns: listed by the npm package, but by neither Python package.
UNLISTED = ["441901", "442001"]


class Regions:
    def __init__(self):
        names, province = {}, ""
        for line in (Path(stdnum.__file__).parent / "cn/loc.dat").read_text(encoding="utf-8").splitlines():
            if found := re.match(r"(\d\d) province=", line):
                province = found[1]
            elif found := re.match(r'  (\d{4}) county="(.*)"', line):
                names[province + found[1]] = found[2].split(",")
        ended = re.compile(r"\[\d*-\d+\]")
        in_force = {code for code, listed in names.items() if not all(map(ended.match, listed))}
        in_force -= {"422900", "422921", "429001"}  # dropped, but stdnum has no date for it
        timeline = id_validator.data.get_address_code_timeline()
        # Every code that was ever assigned.
        self.taken = {*names, *timeline, *id_validator.data.get_additional_address_code_timeline(), *UNLISTED}
        # 81, 82 and 83 are residence permits, which have their own kinds.
        self.current = sorted(code for code in in_force if code[0] != "8")
        self.old = sorted(code for code in self.taken - in_force - set(UNLISTED) if code[0] != "8")
        self.provinces = sorted({code[:2] for code in self.current})
        # Counties that were always in force, in every list.
        self.undisputed = sorted(
            code
            for code in self.current
            if code[4:] != "00"
            and not any("[" in name for name in names[code])
            and any(entry["start_year"] == entry["end_year"] == "" for entry in timeline.get(code, []))
        )
        self.warning = {code: "ok" for code in self.current} | {code: "ok old_region" for code in self.old}


# The right verdicts, computed independently of aidlink.


def check_digit(body):
    """ISO 7064 MOD 11-2 by recursion; aidlink uses the table of weights."""
    total = 0
    for digit in body:
        total = (total + int(digit)) * 2 % 11
    return "0123456789X"[(12 - total) % 11]


def foreign_check_digit(fourteen):
    """The 7-3-1 rule of ICAO Doc 9303."""
    return str(sum(int(character, 36) * (7, 3, 1)[index % 3] for index, character in enumerate(fourteen)) % 10)


def verdict_on_18(cell):
    """Returns the right verdict on 18 clean digits, ignoring the region."""
    fits = check_digit(cell[:17]) == cell[17]
    if cell.endswith("000") and not fits:
        return "id_trailing_zeros"
    try:
        birth = date(int(cell[6:10]), int(cell[10:12]), int(cell[12:14]))
    except ValueError:
        return "id_birth_date"
    if birth > AS_OF:
        return "id_birth_date_after_as_of"
    if AS_OF.year - birth.year > 130:
        return "id_birth_date"
    return "ok" if fits else "id_check_digit"


# Numbers and ways to damage them.

FULL_WIDTH = str.maketrans({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
SPACES = {
    "space": " ",
    "NBSP": "\u00a0\u202f",
    "ideographic space": "\u3000",
    "zero-width": "\u200b\u200c\u200d\u2060\ufeff\u200e",
}
MASKS = "*＊Xx×●•#?"
WORDS = ["无", "不详", "未知", "没有", "暂无", "无证件", "无身份证", "待补", "N/A", "null", "/"]
STAND_INS = [digit * 18 for digit in "0123456789X"] + ["0" * 15, "1" * 15, "9" * 15, "0" * 6, "0"]
STAND_INS += ["123456789012345678", "12345678901234567X", "123456789012345"]
COUNTRIES = "USA GBR DEU FRA JPN KOR VNM MMR LAO THA RUS IND PAK NGA CMR MEX BRA AUS CAN EGY".split()
LOOK_ALIKES = {"0": "oOQ", "1": "lI", "2": "Z", "5": "S", "8": "B"}


def number(region, birth, sequence):
    body = f"{region}{birth}{sequence:03d}"
    return body + check_digit(body)


def until(make, good):
    while not good(made := make()):
        pass
    return made


class Maker:
    """Makes numbers and damages them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.regions = Regions()

    def birth(self, first=1930, last=None):
        """A day in the given years, at most the as-of date."""
        first, last = date(first, 1, 1), date(last, 12, 31) if last else AS_OF
        return (first + timedelta(self.random.randrange((last - first).days + 1))).strftime("%Y%m%d")

    def sequence(self):
        return self.random.randrange(1000)

    def current(self):
        return self.random.choice(self.regions.current)

    def old(self):
        return self.random.choice(self.regions.old)

    def unlisted(self):
        return self.random.choice(UNLISTED)

    def unassigned(self):
        """A county that was never assigned, in an existing province."""
        province = self.random.choice(self.regions.provinces)
        return until(lambda: f"{province}{self.random.randrange(10000):04d}", lambda c: c not in self.regions.taken)

    def no_province(self):
        return until(lambda: str(self.random.randrange(100000, 800000)), lambda c: c[:2] not in self.regions.provinces)

    def full(self, region, first=1930, last=None):
        """A valid number of 18 digits."""
        return number(region, self.birth(first, last), self.sequence())

    def short(self, region):
        """A valid number of 15 digits."""
        return f"{region}{self.birth(1900, 1999)[2:]}{self.sequence():03d}"

    def base(self, first=1930, last=None):
        """A number of 18 digits of an undisputed region, which every validator accepts."""
        return self.full(self.random.choice(self.regions.undisputed), first, last)

    def base_x(self):
        return until(self.base, lambda cell: cell[17] == "X")

    def base15(self):
        return self.short(self.random.choice(self.regions.undisputed))

    def dated(self, birth):
        return number(self.random.choice(self.regions.undisputed), birth, self.sequence())

    def later_that_year(self):
        return until(lambda: self.base(AS_OF.year, AS_OF.year), lambda cell: cell[6:14] > AS_OF.strftime("%Y%m%d"))

    def permit(self):
        return self.full(self.random.choice(["810000", "820000", "830000"]))

    def foreign_2023(self):
        return self.full(f"9{self.random.choice(self.regions.provinces)}{self.random.randrange(1, 900):03d}")

    def foreign_2017(self):
        country = self.random.choice(COUNTRIES)
        fourteen = f"{country}{self.current()[:4]}{self.birth()[2:]}{self.random.randrange(10)}"
        return fourteen + foreign_check_digit(fourteen)

    def certificate(self, suffix=""):
        return f"{self.base()}{self.random.randrange(1, 8)}{self.random.randrange(1, 5)}{suffix}"

    def bad_day(self, first=1930):
        year = self.random.randrange(first, 2000)
        days = ["0230", "0231", "0431", "0631", "0931", "1131"] + ["0229"] * (year % 4 != 0)
        return f"{year}{self.random.choice(days)}"

    def place(self, cell, first=0, last=None):
        return self.random.randrange(first, len(cell) if last is None else last)

    def substitute(self, cell, first=0, last=None):
        place = self.place(cell, first, last)
        other = self.random.choice([digit for digit in "0123456789" if digit != cell[place]])
        return cell[:place] + other + cell[place + 1 :]

    def wrong_15(self):
        """A digit is wrong. Prefixes of permits and foreign IDs are left out; they have their own kind."""
        return until(lambda: self.substitute(self.base15()), lambda cell: cell[0] not in "89")

    def wrong_check(self, cell):
        return cell[:-1] + self.random.choice([other for other in "0123456789X" if other != cell[-1]])

    def swap(self, cell):
        def differ(place):
            return cell[place] != cell[place + 1] and "X" not in cell[place : place + 2]

        place = until(lambda: self.place(cell, 0, len(cell) - 1), differ)
        return cell[:place] + cell[place + 1] + cell[place] + cell[place + 2 :]

    def drop(self, cell):
        place = self.place(cell)
        return cell[:place] + cell[place + 1 :]

    def double(self, cell):
        place = self.place(cell)
        return cell[:place] + cell[place] + cell[place:]

    def look_alike(self, make, first, last):
        """A number with a letter in place of a similar digit, between the places first and last."""
        cell = until(make, lambda cell: set(cell[first:last]) & set(LOOK_ALIKES))
        place = until(lambda: self.place(cell, first, last), lambda place: cell[place] in LOOK_ALIKES)
        return cell[:place] + self.random.choice(LOOK_ALIKES[cell[place]]) + cell[place + 1 :]

    def mask(self, cell, first, last):
        return cell[:first] + self.random.choice(MASKS) * (last - first) + cell[last:]

    def around(self, cell, characters):
        return self.random.choice(["{1}{0}", "{0}{1}"]).format(cell, self.random.choice(characters))

    def inside(self, cell, characters):
        for _ in range(self.random.randrange(1, 4)):
            place = self.place(cell, 1)
            cell = cell[:place] + self.random.choice(characters) + cell[place:]
        return cell

    def grouped(self, cell, birth_ends):
        return self.random.choice("-–－").join([cell[:6], cell[6:birth_ends], cell[birth_ends:]])

    def two(self, separators, *makers):
        return self.random.choice(separators).join(self.random.choice(makers)() for _ in range(2))

    def scientific(self, cell):
        text = f"{float(cell.replace('X', '0')):.{self.random.choice([1, 2, 4, 5, 14])}E}"
        return self.random.choice(["", "'"]) + self.random.choice([text, text.replace("+", ""), text.lower()])

    def zeroed(self, fits):
        """The last three digits are zeroed, as by a spreadsheet. One in eleven is still a valid number."""

        def good(cell):
            return (check_digit(cell[:17]) == "0") == fits

        return until(lambda: self.base()[:15] + "000", good)


class Kind(NamedTuple):
    family: str
    name: str
    right: str | tuple | Callable  # the right verdict of aidlink, several, or a function of the cell
    make: Callable


def kinds(m):
    choose = m.random.choice
    OK = ("ok", "ok old_region", "ok unknown_region")
    NO_REGION = "ok unknown_region"  # also of permits and foreign IDs, which never had 15 digits
    DROPPED = ("id_check_digit_missing", "id_birth_date", "id_birth_date_after_as_of", "id_length")

    def verdict_on_15(cell):
        """Without a check digit only the birth date and the region can show damage."""
        full = f"{cell[:6]}19{cell[6:]}"
        verdict = verdict_on_18(full + check_digit(full))
        return m.regions.warning.get(cell[:6], NO_REGION) if verdict == "ok" else verdict

    def doubled(cell):
        """An X is allowed only at the end."""
        return "id_characters" if cell.endswith("XX") else "id_length"

    def certified(cell):
        return verdict_on_18(cell[:18])

    listing = {
        "good": [
            ("18 digits, region in force", "ok", lambda: m.full(m.current(), 1897)),
            ("18 digits, region dropped since", "ok old_region", lambda: m.full(m.old(), 1897)),
            ("18 digits, unassigned county", "ok unknown_region", lambda: m.full(m.unassigned())),
            ("18 digits, unassigned province", "ok unknown_region", lambda: m.full(m.no_province())),
            ("18 digits, 441901 or 442001", OK, lambda: m.full(m.unlisted())),
            ("18 digits, undisputed region", "ok", m.base),
            ("15 digits, region in force", "ok", lambda: m.short(m.current())),
            ("15 digits, region dropped since", "ok old_region", lambda: m.short(m.old())),
            ("15 digits, unassigned county", "ok unknown_region", lambda: m.short(m.unassigned())),
            ("residence permit 81", "ok", lambda: m.full("810000")),
            ("residence permit 82", "ok", lambda: m.full("820000")),
            ("residence permit 83", "ok", lambda: m.full("830000")),
            ("foreign 2023", "ok", m.foreign_2023),
            ("foreign 2017", "ok", m.foreign_2017),
            ("foreign 2017, not by 7-3-1", "ok foreign_check_digit", lambda: m.substitute(m.foreign_2017(), 14)),
        ],
        "written differently": [
            ("lower-case x", "ok", lambda: m.base_x().lower()),
            ("× for X", "ok", lambda: m.base_x()[:17] + choose("×✕✖")),
            ("full-width or Cyrillic X", "ok", lambda: m.base_x()[:17] + choose("ＸｘХх")),
            ("full-width, 18", "ok", lambda: m.base().translate(FULL_WIDTH)),
            ("full-width, 15", "ok", lambda: m.base15().translate(FULL_WIDTH)),
            ("apostrophe", "ok", lambda: choose("'‘’`＇") + m.base()),
            *[(f"{name} around", "ok", lambda c=c: m.around(m.base(), c)) for name, c in SPACES.items()],
            *[(f"{name} inside", "ok", lambda c=c: m.inside(m.base(), c)) for name, c in SPACES.items()],
            ("hyphens, 18", "ok", lambda: m.grouped(m.base(), 14)),
            ("hyphens, 15", "ok", lambda: m.grouped(m.base15(), 12)),
            ("15 digits as a float (.0)", "ok", lambda: m.base15() + ".0"),
            ("certificate, 20 characters", "ok", m.certificate),
            ("certificate, 22 characters", "ok", lambda: m.certificate(choose(["B1", "B2", "b1"]))),
        ],
        "damaged": [
            ("one digit wrong: region", verdict_on_18, lambda: m.substitute(m.base(), 0, 6)),
            ("one digit wrong: birth date", verdict_on_18, lambda: m.substitute(m.base(), 6, 14)),
            ("one digit wrong: sequence", verdict_on_18, lambda: m.substitute(m.base(), 14, 17)),
            ("wrong check digit", verdict_on_18, lambda: m.wrong_check(m.base())),
            ("neighbours swapped", verdict_on_18, lambda: m.swap(m.base())),
            ("X swapped with its neighbour", "id_characters", lambda: re.sub("(.)X", r"X\1", m.base_x())),
            ("a digit dropped, 18", DROPPED, lambda: m.drop(m.base())),
            ("a digit dropped, 15", "id_length", lambda: m.drop(m.base15())),
            ("a digit doubled, 18", doubled, lambda: m.double(m.base())),
            ("a digit doubled, 15", "id_length", lambda: m.double(m.base15())),
            ("17 digits, the last is missing", "id_check_digit_missing", lambda: m.base()[:17]),
            ("letter for a digit, 18", "id_characters", lambda: m.look_alike(m.base, 0, 17)),
            ("letter for a digit, 15: region", "id_characters", lambda: m.look_alike(m.base15, 0, 6)),
            ("letter for a digit, 15: birth", "id_characters", lambda: m.look_alike(m.base15, 6, 12)),
            ("letter for a digit, 15: sequence", "id_characters", lambda: m.look_alike(m.base15, 12, 15)),
            ("masked, 18", "id_masked", lambda: m.mask(m.base(), *choose([(4, 14), (6, 14), (6, 16), (14, 18)]))),
            ("masked, 18: all but the ends", "id_masked", lambda: m.mask(m.base(), 1, 17)),
            ("masked, another length", "id_masked", lambda: m.base()[:4] + "*" * choose([2, 4, 8]) + m.base()[14:]),
            ("masked, 15: birth", "id_masked", lambda: m.mask(m.base15(), 6, 12)),
            ("masked, 15: sequence", "id_masked", lambda: m.mask(m.base15(), 12, 15)),
            ("scientific notation", "id_scientific_notation", lambda: m.scientific(choose([m.base, m.base15])())),
            ("last three zeroed", "id_trailing_zeros", lambda: m.zeroed(fits=False)),
            ("last three zeroed, as a float", "id_trailing_zeros", lambda: m.zeroed(fits=False) + ".0"),
            ("stand-in number", "id_placeholder", lambda: choose(STAND_INS)),
            ("stand-in word", "id_placeholder", lambda: choose(WORDS)),
            ("empty", "id_empty", lambda: choose(["", " ", "\u3000", "\u00a0 ", "\u200b", "\t", "'"])),
            ("no such day (30 February)", "id_birth_date", lambda: m.dated(m.bad_day())),
            ("no such day, 15", "id_birth_date", lambda: m.dated(m.bad_day())[:6] + m.bad_day()[2:] + "123"),
            ("month 13 to 99", "id_birth_date", lambda: m.dated(f"{m.birth()[:4]}{m.random.randrange(13, 100)}11")),
            ("day 32 to 99", "id_birth_date", lambda: m.dated(f"{m.birth()[:6]}{m.random.randrange(32, 100)}")),
            ("month or day 00", "id_birth_date", lambda: m.dated(m.birth()[:4] + choose(["0011", "1100", "0000"]))),
            ("born later in the as-of year", "id_birth_date_after_as_of", m.later_that_year),
            ("born 2060 to 2099", "id_birth_date_after_as_of", lambda: m.base(2060, 2099)),
            ("born 1600 to 1799", "id_birth_date", lambda: m.base(1600, 1799)),
            ("born 1800 to 1895", "id_birth_date", lambda: m.base(1800, 1895)),
            ("two in a cell", "id_two_in_cell", lambda: m.two([*",，、;；/ |\\-和\u3000\t", ""], m.base, m.base15)),
            ("two certificates in a cell", "id_two_in_cell", lambda: m.two(",，、;；/ ", m.certificate)),
            ("certificate, no such tail", "id_certificate_tail", lambda: m.base() + choose(["81", "05", "47"])),
            ("certificate, wrong check digit", certified, lambda: m.wrong_check(m.base()) + "42"),
            ("permit, wrong check digit", verdict_on_18, lambda: m.wrong_check(m.permit())),
            ("foreign 2023, wrong check digit", verdict_on_18, lambda: m.wrong_check(m.foreign_2023())),
            ("foreign 2017, no such day", "id_birth_date", lambda: f"{m.foreign_2017()[:7]}{m.bad_day()[2:]}11"),
            ("foreign 2017, 14 characters", "id_characters", lambda: m.foreign_2017()[:14]),
            ("permit or foreign prefix, 15", NO_REGION, lambda: m.short(choose([m.permit, m.foreign_2023])()[:6])),
        ],
        "damage that one cell cannot show": [
            ("last three zeroed, check digit fits", "ok", lambda: m.zeroed(fits=True)),
            ("one digit wrong, 15", verdict_on_15, m.wrong_15),
            ("neighbours swapped, 15", verdict_on_15, lambda: m.swap(m.base15())),
            ("18 cut to 15, born 2001 to 2012", verdict_on_15, lambda: m.base(2001, 2012)[:15]),
        ],
    }
    return [Kind(family, *kind) for family, group in listing.items() for kind in group]


# Which side is right. A class of difference is explained by the first judgement whose patterns all match.


class Judgement(NamedTuple):
    label: str
    right: str
    why: str
    kinds: str
    aidlink: str
    others: str
    verdict: str

    def explains(self, kind, ours, other, verdict):
        patterns = [self.kinds, self.aidlink, self.others, self.verdict]
        texts = [f"{kind.family}: {kind.name}", ours, other, verdict]
        return all(re.fullmatch(pattern, text) for pattern, text in zip(patterns, texts))


JUDGEMENTS = [
    Judgement(
        "years of a region", "aidlink is right",
        "a number has the region code of the day it was issued, and numbers were first issued in the 1980s to people "
        "of all ages; stdnum requires the code to be in force in the birth year. A birth after the code ended is "
        "rarer: aidlink warns",
        "good: 18 digits, region (in force|dropped since)",
        "ok( old_region)?", "stdnum", r"refuses \(InvalidComponent\)",
    ),
    Judgement(
        "list lacks the region", "aidlink is right",
        "another package lists the code: pypi's list lacks the newest and some dropped ones, npm's lacks "
        "Taiwan, and stdnum's lacks codes that pypi's has, for which it raises KeyError instead of refusing. If it "
        "refuses a damaged number, that is luck",
        "good: 1[58] digits, region (in force|dropped since)|damage that one cell .*: (one digit|neighbours).*",
        "ok( old_region)?", "pypi|npm|stdnum", r"refuses|fails \(KeyError\)",
    ),
    Judgement(
        "unknown region", "each is right for its purpose",
        "no list has the code, but every list misses some, such as 441901 and 442001; a refusal would miss the "
        "person, so aidlink accepts with a warning. With 18 digits, the check digit already excludes a typing "
        "mistake",
        "good: 1[58] digits, (unassigned .*|441901 or 442001)",
        "ok unknown_region", "pypi|npm|stdnum", r"refuses|refuses \(InvalidComponent\)|fails \(KeyError\)",
    ),
    Judgement(
        "unknown region, damaged 15 digits", "the other is right",
        "the number is damaged and only its region shows it; aidlink only warns, because otherwise it would refuse "
        "valid numbers of regions that the lists miss",
        "damage that one cell .*: (one digit|neighbours).*",
        "ok unknown_region", "pypi|npm", "refuses",
    ),
    Judgement(
        "permit prefix, 15 digits", "the other is right",
        "permits and foreign IDs of 18 digits came in 2018 and 2023, so no 15 digits begin with 81, 82, 83 or 9; "
        "aidlink accepts them with a warning",
        "damaged: permit or foreign prefix.*", "ok unknown_region", "pypi|npm", "refuses",
    ),
    Judgement(
        "15 digits", "aidlink is right",
        "numbers of the first generation are still in registers; stdnum reads only 18 digits. It refuses damaged "
        "ones too, but that is not detection",
        "good: 15 digits.*|damage that one cell .*: .*15.*|damaged: permit or foreign prefix.*",
        "ok.*", "stdnum", r"refuses \(InvalidLength\)",
    ),
    Judgement(
        "residence permit", "aidlink is right",
        "permits of residents of Hong Kong, Macau and Taiwan begin with 810000, 820000, 830000; npm has none of them; "
        "stdnum has no 83, and 81 and 82 only for births since 1997 and 1999",
        "good: residence permit 8[123]", "ok", "stdnum|npm", r"refuses( \(InvalidComponent\))?",
    ),
    Judgement(
        "foreign permanent resident", "aidlink is right",
        "no other validator supports the editions of 2017 and 2023",
        "good: foreign 20(17|23).*",
        "ok( foreign_check_digit)?", "stdnum|pypi|npm", r"refuses( \(Invalid(Component|Length)\))?",
    ),
    Judgement(
        "certificate", "aidlink is right",
        "the first 18 characters of a disability certificate's number are the person's number",
        "written differently: certificate.*", "ok", "stdnum|pypi|npm", r"refuses( \(InvalidLength\))?",
    ),
    Judgement(
        "way of writing", "aidlink is right",
        "the number is valid and only written in another way; the others read the cell almost unchanged (stdnum "
        "strips spaces at the ends and reads full-width digits, but not a full-width X)",
        "written differently: (?!certificate).*", "ok", "stdnum|pypi|npm", r"refuses( \(Invalid(Length|Checksum)\))?",
    ),
    Judgement(
        "15 characters, not all digits", "aidlink is right",
        "pypi and npm do not check that 15 characters are digits: they accept letters and masks, npm everywhere "
        "except in the province, pypi in the sequence and in parts of the region",
        "damaged: (letter for a digit|masked), 15: .*", "id_(characters|masked)", "pypi|npm", "accepts",
    ),
    Judgement(
        "exception", "aidlink is right",
        "pypi raises ValueError on a letter, a mask or an inner X instead of refusing",
        "damaged: (letter for a digit, 1[58].*|masked, 1[58].*|X swapped.*)",
        "id_.*", "pypi", r"fails \(ValueError\)",
    ),
    Judgement(
        "stand-in", "aidlink is right",
        "fifteen ones have the form of a number of someone born on 11 November 1911, but are typed when no number "
        "is known",
        "damaged: stand-in number", "id_placeholder", "pypi|npm", "accepts",
    ),
    Judgement(
        "no such day", "aidlink is right",
        "npm accepts 31 days in every month",
        "damaged: no such day.*|damage that one cell .*: (one digit|neighbours).*", "id_birth_date", "npm", "accepts",
    ),
    Judgement(
        "born after the as-of date", "aidlink is right",
        "nobody in a round is born after its as-of date; pypi refuses births from next year on, by the clock; the "
        "others never do",
        "damaged: born (later in the as-of year|2060 to 2099)",
        "id_birth_date_after_as_of", "stdnum|pypi|npm", "accepts",
    ),
    Judgement(
        "born long ago", "aidlink is right",
        "nobody is older than 130 years; pypi refuses births before 1800, the others never do",
        "damaged: born 1[678]00 to 1[78]9[59]", "id_birth_date", "stdnum|pypi|npm", "accepts",
    ),
]


# The validators.


def stdnum_verdict(cell):
    try:
        if ric.is_valid(cell):
            return "accepts"
        ric.validate(cell)  # raises with the reason, which is_valid does not give
    except ric.ValidationError as error:
        return f"refuses ({type(error).__name__})"
    except Exception as error:
        return f"fails ({type(error).__name__})"


def pypi_verdict(cell):
    try:
        return "accepts" if validator.is_valid(cell) else "refuses"
    except Exception as error:
        return f"fails ({type(error).__name__})"


def python_verdicts(cells):
    return [(stdnum_verdict(cell), pypi_verdict(cell)) for cell in cells]


def ask(command, cells, **options):
    """Runs a program that reads one cell per line and writes one verdict per line."""
    lines = "".join(cell + "\n" for cell in cells).encode()
    process = subprocess.run(command, input=lines, stdout=subprocess.PIPE, **options)
    verdicts = process.stdout.decode().split("\n")[:-1]
    if process.returncode != 0 or len(verdicts) != len(cells):
        sys.exit(f"{command[0]}: exit code {process.returncode}, {len(verdicts)} verdicts on {len(cells)} cells")
    return verdicts


def all_verdicts(cells, classify, modules):
    aidlink = ask([classify.resolve(), AS_OF.isoformat()], cells)
    npm = ask(["node", HERE / "id_validators.js"], cells, env=os.environ | {"NODE_PATH": str(modules)})
    npm = [{"1": "accepts", "0": "refuses"}.get(answer, f"fails ({answer})") for answer in npm]
    with multiprocessing.Pool() as pool:
        parts = [cells[first : first + 10_000] for first in range(0, len(cells), 10_000)]
        python = [verdicts for part in pool.imap(python_verdicts, parts) for verdicts in part]
    return [(ours, *two, third) for ours, two, third in zip(aidlink, python, npm, strict=True)]


def versions(modules):
    """Returns the installed versions, which must be the pinned ones."""
    requirements = (HERE / "requirements.txt").read_text(encoding="utf-8").split()
    pinned = dict(line.split("==") for line in requirements if "==" in line)
    expected = {name: pinned[name] for name in ["python-stdnum", "id-validator"]}
    found = {name: importlib.metadata.version(name) for name in expected}
    manifest = modules / "id-validator/package.json"
    if not manifest.exists():
        sys.exit(f"{manifest} is missing: run npm install in a folder with package.json, and name it by --node-modules")
    expected["npm id-validator"] = json.loads((HERE / "package.json").read_text())["dependencies"]["id-validator"]
    found["npm id-validator"] = json.loads(manifest.read_text(encoding="utf-8"))["version"]
    if found != expected:
        sys.exit(f"installed: {found}; pinned: {expected}")
    return ", ".join(f"{name} {version}" for name, version in found.items())


def main():
    target = Path(os.environ.get("CARGO_TARGET_DIR", HERE / "../../target"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000, help="how many numbers (1000000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--classify", type=Path, default=target / "release/examples/classify_ids")
    parser.add_argument("--node-modules", type=Path, default=target / "oracles/node_modules")
    options = parser.parse_args()
    if not options.classify.exists():
        sys.exit(f"{options.classify} is missing: run cargo build --release -p aidlink-agency --example classify_ids")
    modules = options.node_modules.resolve()
    compared = versions(modules)

    listing = kinds(Maker(options.seed))
    kind_of = [listing[index % len(listing)] for index in range(options.count)]
    cells = [kind.make() for kind in kind_of]
    print(f"{len(cells)} cells of {len(listing)} kinds, seed {options.seed}, as of {AS_OF}; each validator read all")
    print(f"aidlink against {compared}\n")

    counts, accepted, unexpected, classes = Counter(), Counter(), Counter(), Counter()
    answers = all_verdicts(cells, options.classify, modules)
    for kind, cell, verdicts in zip(kind_of, cells, answers, strict=True):
        counts[kind] += 1
        ours = verdicts[0]
        right = kind.right(cell) if callable(kind.right) else kind.right
        if ours not in (right if isinstance(right, tuple) else [right]):
            unexpected[kind, ours] += 1
        for name, verdict in zip(["aidlink", *OTHERS], verdicts):
            accepted[kind, name] += verdict.startswith(("ok", "accepts"))
            if name != "aidlink" and ((verdict == "accepts") != ours.startswith("ok") or verdict.startswith("fails")):
                classes[kind, ours, name, verdict] += 1

    for family in dict.fromkeys(kind.family for kind in listing):
        print(f"{family + ': accepted, %':46}{'count':>8}{'aidlink':>9}{'stdnum':>9}{'pypi':>9}{'npm':>9}")
        for kind in listing:
            if kind.family == family and counts[kind]:
                shares = [100 * accepted[kind, name] / counts[kind] for name in ["aidlink", *OTHERS]]
                print(f"{kind.name:46}{counts[kind]:8}" + "".join(f"{share:9.2f}" for share in shares))
        print()

    print("classes of difference: kind | aidlink | other | its verdict | count | judgement")
    explained = Counter()
    order = {kind: index for index, kind in enumerate(listing)}
    for difference, count in sorted(classes.items(), key=lambda item: (order[item[0][0]], item[0][2], item[0][1])):
        judgement = next((judgement for judgement in JUDGEMENTS if judgement.explains(*difference)), None)
        explained[judgement] += 1
        label = judgement.label if judgement else "NOT EXPLAINED"
        print(" | ".join([difference[0].name, *difference[1:], str(count), label]))
    print()
    for judgement in JUDGEMENTS:
        print(f"{judgement.label}: {explained[judgement]} classes; {judgement.right}: {judgement.why}")
    print()
    for (kind, ours), count in unexpected.items():
        print(f"NOT EXPECTED of aidlink: {kind.name}: {ours}, {count} of {counts[kind]}")
    print(f"{len(classes)} classes of difference, {explained[None]} of them not explained")
    print(f"{sum(unexpected.values())} verdicts of aidlink not expected")
    return 1 if unexpected or explained[None] else 0


if __name__ == "__main__":
    sys.exit(main())
