"""The parts of `noetl lint`: configuration, files, cache, analysis over processes, review, fixing, reports."""
