"""The parts of `noetl compile`."""
