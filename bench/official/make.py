"""Write a zoo model as a `.keras` file: `make.py ZOO_FILE OUT.keras`."""

import runpy
import sys

model = runpy.run_path(sys.argv[1])["build"]()
model.save(sys.argv[2])
