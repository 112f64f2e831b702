"""Run as a process of its own: what Airflow reads from a folder of DAG files, as JSON.

airflow_dump.py FOLDER
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Parse and serialise; nothing is run, and no database is touched."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization

    bag = DagBag(dag_folder=sys.argv[1])
    found = {}
    for dag_id, dag in bag.dags.items():
        encoded = DagSerialization.to_dict(dag)
        found[dag_id] = {
            "tasks": {
                task.task_id: {
                    "class": type(task).__name__,
                    "rule": str(task.trigger_rule.value),
                    "upstream": sorted(task.upstream_task_ids),
                    "retries": task.retries,
                    "doc": task.doc_md,
                    "templates": list(task.template_fields),
                    "result": task.returns_dag_result,
                }
                for task in dag.tasks
            },
            "params": dag.params.dump(),
            "doc": dag.doc_md,
            "tags": sorted(dag.tags),
            "schedule": dag.schedule,
            "catchup": dag.catchup,
            "bytes": len(json.dumps(encoded)),
        }
    loaded = sorted(name for name in sys.modules if name.split(".")[0] == "noetl")
    sys.stdout.write("\n" + json.dumps({"dags": found, "errors": bag.import_errors, "modules": loaded}))


if __name__ == "__main__":
    main()
