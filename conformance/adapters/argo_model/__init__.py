"""What Argo's workflow controller does with manifests, told from recordings of the real one.

An interpreter of a part of Argo Workflows 4.1: dag and steps templates, pods, `suspend 0s`, `depends`, `when`, loops by
count, recursion, template references, retries. It is proven against recordings of the controller v4.1.2 in tests/argo,
those that hang included. A manifest that uses anything else is refused with `OutsideSubset`.
"""
