"""Members of a pack: where each stands in its pipeline, and the hyperparameters of its stage."""
