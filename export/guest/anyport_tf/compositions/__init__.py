"""Ops said in other ops: one module a family, each function `(operation, inputs) → outputs` for a `rules.Rule`.

Which target needs which, why, and until which version of its library, stands in the target's own rules.
"""
