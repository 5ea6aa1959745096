"""Encoders: text to vectors."""

import os

# onnxruntime reports its use to its maker, from 1.32 on Linux too. It reads this variable when it
# is first imported; its own function that ends reports would come after the first.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
