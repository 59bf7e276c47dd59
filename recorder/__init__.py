"""The recorder: decrypted RTP in, CMAF segments and HLS playlists out; it knows packets and files, never peers."""
