"""A target for `noetl conform --target "exec:python examples/conform_target.py"`: cases go to `noetl run`.

Replace `outcome` by whatever runs a playbook where you are. One JSON object a line; print nothing else.
"""

import json
import subprocess
import sys
from pathlib import Path

NOETL = [sys.executable, "-m", "noetl"]


def outcome(case: dict) -> dict:
    folder = Path(case["folder"])
    (folder / "payload.json").write_text(json.dumps(case["payload"]))
    (folder / "credentials.json").write_text(json.dumps(case["credentials"]))
    command = [*NOETL, "run", str(folder / case["main"]), "--json", "--no-log", "--quiet"]
    command += ["--payload", str(folder / "payload.json"), "--credentials", str(folder / "credentials.json")]
    for name in case["env"]:
        command += ["--allow-env", name]
    if case["outcomes"] is not None:  # nothing may be called then
        (folder / "outcomes.json").write_text(json.dumps({"format": 1, "outcomes": case["outcomes"]}))
        command += ["--mock", str(folder / "outcomes.json")]
    lint = [*NOETL, "lint", str(folder / case["main"]), "--format", "json"]
    found = json.loads(subprocess.run(lint, capture_output=True, text=True).stdout)
    errors = [d for d in found["diagnostics"] if d["severity"] == "error"]
    if errors:
        return {"refused": [{name: d[name] for name in ("code", "name", "message", "line", "column")} for d in errors]}
    done = subprocess.run(command, capture_output=True, text=True)
    return {"summary": json.loads(done.stdout)} if done.stdout else {"problem": done.stderr[-500:]}


for line in sys.stdin:
    message = json.loads(line)
    if message["command"] == "start":
        answer = {"version": 1, "name": "noetl run"}
    elif message["command"] == "run":
        answer = {"seq": message["seq"], **outcome(message["case"])}
    else:
        break
    print(json.dumps(answer), flush=True)
