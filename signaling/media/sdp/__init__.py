"""Session descriptions: read one, answer one, make one. Pure functions from values to text and back."""
