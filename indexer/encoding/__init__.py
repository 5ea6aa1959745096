"""Encoders: turn texts into vectors."""

import os

# From version 1.32, onnxruntime sends telemetry on Linux too. It reads this variable when it is
# first imported; its own function to disable telemetry would only run after the first report.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
