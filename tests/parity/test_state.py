"""Models that keep something between calls: TFLite keeps it, in the other formats it is in the open."""

from __future__ import annotations

from pathlib import Path

import pytest

import anyport

CASES = Path(__file__).parent / "cases"
TO = ("tflite", "tfjs@node", "onnx")
KEEPS = "tflite"


@pytest.mark.parametrize(
    ("case", "states"),
    [
        ("tensorflow_state.py:state_in_loop", 2),  # changed in a loop, and in a branch of it
        ("tensorflow_state.py:two_accumulators", 2),  # shared by signatures
        ("keras_recurrent.py:stateful_lstm", 2),
    ],
)
def test_state_goes_in_and_comes_out(tmp_path: Path, case: str, states: int) -> None:
    report = anyport.export(str(CASES / case), TO, tmp_path / "out")
    report.raise_for_status()
    for artifact in report.artifacts:
        if artifact.target == KEEPS:
            assert not any(signature.get("states") for signature in artifact.signatures.values())
            continue
        pairs = {name for signature in artifact.signatures.values() for name in signature.get("states", {})}
        assert len(pairs) == states, artifact.target
        assert any(Path(file["path"]).name == "initial_state.npz" for file in artifact.files)
        assert any("keeps no state: feed 'next_state_" in note for note in artifact.notes)
        assert "state-as-ports" in {repair["rule"] for repair in artifact.repairs}
    assert anyport.check(tmp_path / "out").passed


def test_state_that_no_output_shows_is_left_out(tmp_path: Path) -> None:
    report = anyport.export(str(CASES / "tensorflow_state.py:hidden_counter"), TO, tmp_path / "out")
    report.raise_for_status()
    assert not any(
        signature.get("states") for artifact in report.artifacts for signature in artifact.signatures.values()
    )
