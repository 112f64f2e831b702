"""The queue between the server and its workers: what a command looks like on its way, and how it is claimed."""
