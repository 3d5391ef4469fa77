"""The version, alone in its file: reading it must cost nothing."""

__version__ = "0.1.0"
