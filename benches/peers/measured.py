"""Runs a command and reports what it alone took.

    python -I -S measured.py REPORT COMMAND [ARGUMENT...]

Writes to the file REPORT: exit code, wall and CPU seconds, peak RSS in KiB, divided by blanks.

Linux counts into a process's peak what the process that started it held at that moment (both by fork and by
vfork, until exec). A process that is started by a large one is therefore said to be as large. This one is small,
about 10 MiB, and that is the least that it can report. So it imports nothing but what is built in.
"""

import os
import sys
import time

report, command = sys.argv[1], sys.argv[2:]
begun = time.perf_counter()
process = os.posix_spawnp(command[0], command, os.environ)
_, status, usage = os.wait4(process, 0)
wall = time.perf_counter() - begun
with open(report, "w") as file:
    print(os.waitstatus_to_exitcode(status), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, file=file)
