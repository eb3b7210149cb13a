"""Members of a pack: their positions in the pipeline, and the hyperparameters of their stages."""
