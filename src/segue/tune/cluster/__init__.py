"""Where trials run: Ray sessions, addresses, jobs, cluster files, and shares of GPUs."""
