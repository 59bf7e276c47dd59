"""Fuzzing: every reader of bytes from outside, what must hold for it, and the inputs that it has met."""
