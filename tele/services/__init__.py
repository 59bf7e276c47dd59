"""Use cases, one a file: parse nothing, serialise nothing, decide and store."""
