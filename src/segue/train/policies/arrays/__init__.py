"""Parameters and products of the members of a pack, stacked in arrays."""
