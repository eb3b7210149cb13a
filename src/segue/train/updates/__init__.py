"""Learning: from a rollout to advantages, minibatches and optimizer steps."""
