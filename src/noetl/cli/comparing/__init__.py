"""The parts of `noetl diff`."""
