"""The media plane: one port, every peer, nothing is decoded. It knows packets and peers, not people or cases."""
