"""Lectures: scheduled, broadcast, taken part in, and kept."""
