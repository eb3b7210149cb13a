"""Commands on trials that a sweep has trained."""
