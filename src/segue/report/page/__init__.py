"""The report: one HTML page, its sections and figures."""
