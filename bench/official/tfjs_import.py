"""The TF.js converter, importable: as published it isn't beside today's TensorFlow; what a graph model doesn't need is stubbed."""

import importlib.machinery
import sys
import types

for name, members in {
    "tensorflow_decision_forests": {},
    "tensorflow_hub": {},
    "tensorflowjs.converters.jax_conversion": {"convert_jax": None},
}.items():
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__dict__.update(members)
    sys.modules[name] = module

from tensorflowjs.converters import converter  # noqa: E402

__all__ = ["converter"]
