"""What several commands share: arguments, options and printing."""
