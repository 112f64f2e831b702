"""Back ends: what turns a playbook into files for another engine, and what checks them."""
