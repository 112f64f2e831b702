"""Argo Workflows: one file of manifests per playbook, and the program that runs in its pods."""
