"""The canonical form as a SavedModel takes it.  Nothing is ever refused: TensorFlow made it, TensorFlow runs it.

`prepare` is called by `preflight.py` and by `convert.py`.
"""

from __future__ import annotations

from saved_model_rules import RULES

from anyport_tf import rules
from anyport_tf.canonical import Canonical
from anyport_tf.preflight import Prepared


def prepare(model: Canonical) -> Prepared:
    repaired, repairs = rules.apply(model, RULES)
    return Prepared(source=model, model=repaired, repairs=repairs)
