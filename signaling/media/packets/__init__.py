"""Packets as bytes: RTP, RTCP, STUN and transport-cc are read and written here, and kept for a while. No sockets."""
