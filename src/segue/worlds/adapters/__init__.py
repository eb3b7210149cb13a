"""Environments of other packages as worlds: Gymnasium, EnvPool, BabyAI."""
