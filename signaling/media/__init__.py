"""The media plane: packets and peers. It knows nothing of GPs or files."""
