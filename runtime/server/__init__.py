"""The server: executions in PostgreSQL, driven by events that come over HTTP. Workers carry out the commands."""
