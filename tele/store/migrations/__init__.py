"""Alembic's environment; versions/ holds the steps, numbered in order."""
