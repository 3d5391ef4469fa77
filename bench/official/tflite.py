"""The TFLite converter, as its guide says: `tflite.py MODEL.keras OUT`."""

import sys
from pathlib import Path

import keras
import tensorflow as tf

converter = tf.lite.TFLiteConverter.from_keras_model(keras.models.load_model(sys.argv[1]))
Path(sys.argv[2]).write_bytes(converter.convert())
