"""Values as data: builders, deep merges, JSON-able descriptions and fingerprints."""
