"""The port: datagrams in batches, TCP framing, DTLS and SRTP, and which peer an address belongs to."""
