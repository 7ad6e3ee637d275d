"""What sources and destinations share: listeners, TLS, an HTTP client, a sender's side of MLLP. Async, below both."""
