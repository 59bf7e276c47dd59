"""Pure domain rules: no await, no clock, no I/O. One concept a file."""
