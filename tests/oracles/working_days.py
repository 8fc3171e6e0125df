"""Compares calendars/china.toml with the PyPI package chinesecalendar, day by day.

Usage: working_days.py [CALENDAR]    (default ../../calendars/china.toml)
Prints one line for each year that both cover; exit code 1 on a difference, or if there is no such year.
"""

import sys
import tomllib
from datetime import date, timedelta
from pathlib import Path

import chinese_calendar


def days(year):
    day = date(year, 1, 1)
    while day.year == year:
        yield day
        day += timedelta(days=1)


def main():
    default = Path(__file__).resolve().parent / "../../calendars/china.toml"
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    with open(path, "rb") as file:
        years = tomllib.load(file)["year"]
    compared = 0
    failed = False
    for entry in sorted(years, key=lambda entry: entry["year"]):
        year = entry["year"]
        holidays = {date.fromisoformat(day) for day in entry["holidays"]}
        make_up = {date.fromisoformat(day) for day in entry["make_up_working_days"]}
        working, differences = 0, []
        try:
            for day in days(year):
                ours = day in make_up or (day.weekday() < 5 and day not in holidays)
                working += ours
                if ours != chinese_calendar.is_workday(day):
                    differences.append(f"{day} (ours: {'working day' if ours else 'day off'})")
        except NotImplementedError:
            print(f"{year}: not compared: chinesecalendar does not cover it")
            continue
        compared += 1
        for day in sorted(holidays | make_up):
            if day.year != year:
                differences.append(f"{day} (listed under {year})")
        if holidays & make_up:
            differences.append("a day is both a holiday and a make-up working day")
        if differences:
            failed = True
            print(f"{year}: DIFFERS: {', '.join(differences)}")
        else:
            print(f"{year}: agrees, {working} working days")
    if compared == 0:
        print("no year compared")
        failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
