"""Decisions as pure state machines: `(event, now)` in, values out. When to ask, what to send, whom to believe."""
