"""Tele: consultations, lectures and replay for medical consortia."""

__version__ = "0.1.0"
