"""Packs: members that take their rollouts and updates in one computation."""
