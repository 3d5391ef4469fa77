"""Keras' own export, as its guide says: `saved_model.py MODEL.keras OUT`."""

import sys

import keras

keras.models.load_model(sys.argv[1]).export(sys.argv[2])
