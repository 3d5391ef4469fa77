"""The TF.js converter's command line on a SavedModel: `tfjs.py SAVED_MODEL OUT`."""

import sys

from tfjs_import import converter

converter.convert(["--input_format=tf_saved_model", "--output_format=tfjs_graph_model", sys.argv[1], sys.argv[2]])
