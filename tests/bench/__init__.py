"""Benchmarks: measured on one machine, compared only with what ran beside them."""
