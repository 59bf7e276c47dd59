"""The media plane: one port, every peer, packets forwarded without being decoded. It knows nothing of people or cases."""
