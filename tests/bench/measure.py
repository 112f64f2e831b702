"""Measures two things in turn, A B A B ..., and tells the ratio: these machines are noisy, so only ratios count."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence

RUNS = 9


def process_seconds(command: Sequence[str]) -> float:
    """User and system CPU seconds of one whole process; bytecode is written, so a warm-up run makes it warm."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    started = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    assert started.returncode == 0, f"{command} exited with {started.returncode}"
    return usage.ru_utime + usage.ru_stime


def call_seconds(call: Callable[[], object]) -> float:
    """CPU seconds of one call in this process."""
    begun = time.process_time()
    call()
    return time.process_time() - begun


def ratio(name: str, ours: Callable[[], float], other: Callable[[], float], bound: float, runs: int = RUNS) -> float:
    """Median of ours over median of the other, measured in turn after one warm-up; printed with its bound."""
    ours(), other()
    pairs = [(ours(), other()) for _ in range(runs)]
    mine = statistics.median(own for own, _ in pairs)
    theirs = statistics.median(its for _, its in pairs)
    found = mine / theirs
    print(f"\n{name}: {mine * 1000:.1f} ms / {theirs * 1000:.1f} ms = {found:.2f} (at most {bound:g})")
    return found
