"""The event-driven reference runtime: what a playbook means, executed."""
