"""Loads what tasks run, so that processes that are forked from this one need not: `import` it in the
`airflow_local_settings` of the workers. It holds no name of its own, and imports nothing of Airflow.
"""

from __future__ import annotations

import noetl.compiler.frontend
import noetl.runtime.embedded
import noetl.runtime.outcome
import noetl.runtime.tools.playbook  # noqa: F401
