"""The worker: claims commands, runs their tools, posts the outcomes. It listens on no port and decides nothing."""
