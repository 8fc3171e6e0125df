"""Runs a command and reports its own time and memory.

    python -I -S measured.py REPORT COMMAND [ARGUMENT...]

Writes exit code, wall seconds, CPU seconds and peak RSS in KiB to the file REPORT, separated by spaces.

Linux includes the memory of the parent process at the time of fork or vfork in the peak of the child. So a child
of a large process seems to be as large. This process is small, about 10 MiB, which is the least that it can
report. To stay small it imports only built-in modules.
"""

import os
import sys
import time

report, command = sys.argv[1], sys.argv[2:]
started = time.perf_counter()
process = os.posix_spawnp(command[0], command, os.environ)
_, status, usage = os.wait4(process, 0)
wall = time.perf_counter() - started
with open(report, "w") as file:
    print(os.waitstatus_to_exitcode(status), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, file=file)
