"""A Kubernetes cluster as `noetl deploy argo` and the live tier of conformance ask it. Nothing else of Argo needs one.

A client of our own, as noetl has httpx anyway and makes five kinds of requests: the packages for all of Kubernetes
bring megabytes of models and an HTTP client of their own.
"""

from __future__ import annotations

from .client import Cluster, ClusterError
from .kubeconfig import Access, access

__all__ = ["Access", "Cluster", "ClusterError", "access"]
