"""Where `noetl compile` writes: a file is replaced whole, what is no file is written to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

NOETL = str(Path(sys.executable).with_name("noetl"))
PLAYBOOK = str(Path(__file__).parents[2] / "examples" / "fan_out_join.yaml")


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [NOETL, "compile", PLAYBOOK, "--target", "airflow", "-o", str(pipe)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as started:
        text = pipe.read_text(encoding="utf-8")
        assert started.wait(timeout=60) == 0
    assert pipe.is_fifo()
    assert text.startswith('"""Playbook fan_out_join')


def test_a_file_that_exists_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "dag.py"
    path.write_text("old", encoding="utf-8")
    command = [NOETL, "compile", PLAYBOOK, "--target", "airflow", "-o", str(path)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert path.read_text(encoding="utf-8").startswith('"""Playbook fan_out_join')
    assert [p.name for p in tmp_path.iterdir()] == ["dag.py"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.py").write_text("old", encoding="utf-8")
    link = tmp_path / "dag.py"
    link.symlink_to("real.py")
    command = [NOETL, "compile", PLAYBOOK, "--target", "airflow", "-o", str(link)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert link.is_symlink()
    assert (tmp_path / "real.py").read_text(encoding="utf-8").startswith('"""Playbook fan_out_join')
