"""The run directory: its lock, its definition, its copy in a store, and the files of its trials."""
