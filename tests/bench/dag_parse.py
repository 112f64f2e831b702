"""Run as a process of its own: CPU seconds to parse DAG files in turn, after a warm-up, as JSON.

dag_parse.py RUNS FILE...
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path


def seconds(file: str) -> float:
    """CPU seconds to read, compile and execute a file."""
    gc.collect()
    begun = time.process_time()
    exec(compile(Path(file).read_text("utf-8"), file, "exec"), {"__name__": "parsed", "__file__": file})
    return time.process_time() - begun


def main() -> None:
    """Time every file `RUNS` times, alternating."""
    runs, files = int(sys.argv[1]), sys.argv[2:]
    for file in files:
        seconds(file)
    print(json.dumps([[seconds(file) for file in files] for _ in range(runs)]))


if __name__ == "__main__":
    main()
