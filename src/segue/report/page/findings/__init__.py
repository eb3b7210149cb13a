"""What a reader should know before trusting the winner."""
