"""Measures time and memory of a command."""

import subprocess
import sys
import tempfile
from pathlib import Path

HELPER = Path(__file__).resolve().with_name("measured.py")


def measure(command, accepted=(0,)):
    """Runs a command and returns its output and (wall seconds, CPU seconds, peak RSS in MiB)."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, tempfile.NamedTemporaryFile() as report:
        helper = [sys.executable, "-I", "-S", str(HELPER), report.name]
        ended = subprocess.run([*helper, *map(str, command)], stdout=output, stderr=errors)
        code, *figures = report.read().split() or [b"not started"]
        if ended.returncode != 0 or int(code) not in accepted:
            errors.seek(0)
            sys.exit(f"{command[0]} failed ({str(code, 'ascii')}):\n{errors.read().decode()}")
        wall, cpu, peak = map(float, figures)
        output.seek(0)
        return output.read().decode(), (wall, cpu, peak / 1024)
