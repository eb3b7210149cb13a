"""The forms of the files of a run directory: each is read here, without trust, and written here."""
