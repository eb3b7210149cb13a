"""Values: builders, merged dictionaries, descriptions and fingerprints."""
