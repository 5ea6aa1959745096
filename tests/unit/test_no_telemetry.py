"""No telemetry is sent; onnxruntime 1.32 on Linux would otherwise report to its maker."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.trust

RUN = """
import indexer.encoding  # which keeps it from reporting
import onnxruntime
from onnx import TensorProto, helper

def value(name):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])

graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "g", [value("x")], [value("y")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
session = onnxruntime.InferenceSession(model.SerializeToString())
print(session.run(None, {"x": [-1.0]})[0][0])
"""


def test_the_encoders_engine_keeps_no_identifier_and_reports_nothing(tmp_path: Path) -> None:
    """It would begin by writing an identifier of the machine into its account's home."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("XDG", "ORT"))
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        env={**kept, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1.0\n"
    assert list(tmp_path.rglob("*")) == []
