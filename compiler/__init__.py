"""From the text of a playbook to typed IR, facts and diagnostics."""
