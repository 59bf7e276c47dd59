"""The pure parts of the media plane."""
