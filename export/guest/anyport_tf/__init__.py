"""The canonical form of a model, and what TensorFlow guests do with it.

Imported by guests that run where TensorFlow is (`from anyport_tf import canonical`), and, for a model that lives in
the user's own process, by that process.  Imports nothing of the host; works with TensorFlow 2.16 to 2.21.
"""
