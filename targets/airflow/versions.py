"""What the operators take from Airflow, wherever a version has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import BranchMixIn
    from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException
else:
    try:
        from airflow.sdk import BranchMixIn
        from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException
    except ImportError:  # Airflow 3.1
        from airflow.exceptions import AirflowFailException, AirflowNotFoundException, AirflowSkipException
        from airflow.providers.standard.operators.branch import BranchMixIn

__all__ = ["AirflowFailException", "AirflowNotFoundException", "AirflowSkipException", "BranchMixIn"]
