"""Browsers and what they are fed from, for guests: where they are, how they are started and ended, and a loopback server.

Standard library only, but for `frame`, which reads tensors.  The host imports `places` too, which starts nothing.
"""
