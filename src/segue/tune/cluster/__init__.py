"""Where trials run: Ray sessions, addresses, jobs, cluster files, shares of GPUs."""
