"""Acting: rollouts and teacher forcing, with the random generators that they draw from."""
