"""Frames in, CMAF and playlists out. It knows nothing of peers."""
