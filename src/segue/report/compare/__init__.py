"""Several runs on one page, in one table, and as data frames."""
