"""Cases, generated playbooks, the probe server and the judge: one meaning, checked on every target."""
