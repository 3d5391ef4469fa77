"""tf2onnx, as its README says: `onnx.py MODEL.keras OUT`."""

import sys

sys.path.pop(0)  # this folder, where `onnx` would be this file

import keras
import tf2onnx

tf2onnx.convert.from_keras(keras.models.load_model(sys.argv[1]), opset=18, output_path=sys.argv[2])
