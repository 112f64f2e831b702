"""One module per place where a case can be run."""
