"""`anyport export` and `anyport check` from end to end: what is said, what is left, and what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import Answer, Anyport

from anyport import manifest, models, targets, toolchains
from anyport.models import zoo

STRICT = ("--atol", "0", "--rtol", "0")


def test_an_export_says_which_runtime_proved_what(digits: tuple[Answer, Path]) -> None:
    answer, out = digits
    assert answer.code == 0, answer.err
    for runtime in targets.registry()["tflite"].runtimes:
        assert (runtime.name in answer.out) == runtime.default
    assert answer.out.count("passed") == 2
    assert "failed" not in answer.out
    assert "\x1b" not in answer.out + answer.err, "no colours where there is no terminal"
    (artifact,) = manifest.read(out)["artifacts"]
    assert [run["status"] for run in artifact["runs"]] == ["passed", "passed"]
    assert all(output["cosine"] > 0.999 for run in artifact["runs"] for output in run["outputs"])
    assert sorted(path.name for path in out.parent.iterdir()) == ["digits"]


def test_an_export_with_its_toolchains_there_says_nothing_of_them(
    anyport: Anyport, digits: tuple[Answer, Path], tmp_path: Path
) -> None:
    answer = anyport("export", "mlp", "--to", "tflite@litert", "-o", "out", cwd=tmp_path)
    assert answer.code == 0, answer.err
    assert "toolchain" not in answer.err + answer.out


def test_quiet_says_nothing_of_what_went_well(anyport: Anyport, exported: Path) -> None:
    assert anyport("check", exported, "--quiet", cwd=exported.parent) == Answer(0, "", "")


def test_a_check_proves_an_export_again_and_writes_nothing(anyport: Anyport, exported: Path) -> None:
    before = {path: path.read_bytes() for path in exported.rglob("*") if path.is_file()}
    answer = anyport("check", exported, "--json", cwd=exported.parent)
    assert answer.code == 0, answer.err
    assert [run["status"] for run in answer.artifact("tflite")["runs"]] == ["passed", "passed"]
    assert {path: path.read_bytes() for path in exported.rglob("*") if path.is_file()} == before


def test_a_check_of_one_runtime_runs_no_other(anyport: Anyport, exported: Path) -> None:
    answer = anyport("check", exported, "--only", "tflite@litert", "--json", cwd=exported.parent)
    assert [run["runtime"] for run in answer.artifact("tflite")["runs"]] == ["litert"]


def test_a_check_in_a_runtime_runs_what_can_be_run_there_and_nowhere_else(anyport: Anyport, exported: Path) -> None:
    answer = anyport("check", exported, "--runtime", "litert", "--only", "tflite", "--json", cwd=exported.parent)
    assert [run["runtime"] for run in answer.artifact("tflite")["runs"]] == ["litert"]
    assert answer.code == 0
    for words, said in (
        (("--runtime", "litrt"), "no runtime in what this export holds, 'litrt'"),
        (("--runtime", "litert", "--only", "tflite@litert"), "names a runtime, and so does --runtime"),
    ):
        answer = anyport("check", exported, *words, cwd=exported.parent)
        assert answer.code == 2
        assert said in answer.err


def test_a_check_of_what_the_export_does_not_hold_is_refused(anyport: Anyport, exported: Path) -> None:
    answer = anyport("check", exported, "--only", "saved_model", cwd=exported.parent)
    assert answer.code == 2
    assert "this export holds no saved_model:float32; it holds tflite:float32" in answer.err


def test_a_flipped_byte_is_an_error_that_names_the_file(anyport: Anyport, exported: Path) -> None:
    path = exported / "tflite" / "model.tflite"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    answer = anyport("check", exported, cwd=exported.parent)
    assert answer.code == 3
    assert "tflite/model.tflite is not the file that was exported" in answer.err
    assert "passed" not in answer.out


def test_a_changed_weight_fails_even_if_the_hash_was_made_to_fit(anyport: Anyport, exported: Path) -> None:
    path = exported / "tflite" / "model.tflite"
    kernel = np.load(zoo.path("digits").with_suffix(".weights.npz"))["logits/kernel"].T.copy()
    content = path.read_bytes()
    assert content.count(kernel.tobytes()) == 1, "TFLite keeps a dense kernel transposed"
    changed = kernel.copy()
    changed[3] += 0.5
    path.write_bytes(content.replace(kernel.tobytes(), changed.tobytes()))
    _restate(exported, lambda stated: stated["artifacts"][0].update(files=[manifest.describe(path, exported)]))
    answer = anyport("check", exported, cwd=exported.parent)
    assert answer.code == 1
    assert "failed" in answer.out
    assert ", 3] of call 0: expected " in answer.err


def test_changed_samples_are_refused(anyport: Anyport, exported: Path) -> None:
    (exported / "samples.npz").write_bytes(b"PK")
    answer = anyport("check", exported, cwd=exported.parent)
    assert answer.code == 2
    assert "samples.npz is not the file that was exported" in answer.err


def test_a_missing_file_is_an_error_that_names_it(anyport: Anyport, exported: Path) -> None:
    (exported / "tflite" / "model.tflite").unlink()
    answer = anyport("check", exported, cwd=exported.parent)
    assert answer.code == 3
    assert "tflite/model.tflite is missing" in answer.err


def _restate(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    stated = json.loads((folder / manifest.NAME).read_text())
    change(stated)
    (folder / manifest.NAME).write_text(json.dumps(stated))


def test_no_tolerance_at_all_is_a_parity_failure(anyport: Anyport, tmp_path: Path) -> None:
    answer = anyport("export", "digits", "--to", "tflite@litert", *STRICT, "-o", "out", cwd=tmp_path)
    assert answer.code == 1
    assert "beyond the tolerance" in answer.err
    assert "expected " in answer.err
    stated = manifest.read(tmp_path / "out")
    assert stated["tolerance"] == {"multiple": None, "atol": 0.0, "rtol": 0.0}
    assert stated["artifacts"][0]["status"] == "failed"
    again = anyport("check", tmp_path / "out", cwd=tmp_path)
    assert again.code == 1, "a check keeps to the tolerance that the export was proved with"


FEATURES = np.linspace(-1, 1, 48, dtype=np.float32).reshape(3, 16)


def test_the_user_s_samples_are_what_is_proved(anyport: Anyport, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", features=FEATURES)
    answer = anyport(
        "export", "mlp", "--to", "tflite@litert", "--samples", "data.npz", "-o", "out", "--json", cwd=tmp_path
    )
    assert answer.code == 0, answer.err
    assert answer.json["manifest"]["samples"]["seed"] is None
    with np.load(tmp_path / "out" / "samples.npz") as stored:
        np.testing.assert_array_equal(stored["serving_default/0/inputs/features"], FEATURES)
        assert stored["serving_default/0/outputs/logits"].shape == (3, 10)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"feature": FEATURES}, "hold no array named 'features'; they hold 'feature'"),
        ({"features": FEATURES.astype(np.float64)}, "are float64; the contract says float32"),
        ({"features": FEATURES[:, :9]}, "have shape [3, 9]; the contract says [any, 16]"),
        ({"features": np.where(FEATURES > 0.9, np.nan, FEATURES)}, "that are NaN or infinite"),
        ({"features": FEATURES, "extra": FEATURES}, "'extra', which the contract doesn't name"),
    ],
)
def test_samples_that_do_not_fit_are_refused_and_nothing_is_written(
    anyport: Anyport, tmp_path: Path, arrays: dict[str, Any], said: str
) -> None:
    np.savez(tmp_path / "data.npz", **arrays)
    answer = anyport("export", "mlp", "--to", "tflite@litert", "--samples", "data.npz", "-o", "out", cwd=tmp_path)
    assert answer.code == 2
    assert said in answer.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.npz"]


def test_a_folder_of_the_user_s_is_replaced_only_by_force(anyport: Anyport, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    line = ("export", "mlp", "--to", "tflite@litert", "-o", "out")
    refused = anyport(*line, cwd=tmp_path)
    assert refused.code == 2
    assert "--force" in refused.err
    assert (tmp_path / "out" / "thesis.tex").read_text() == "years of work"
    assert anyport(*line, "--force", cwd=tmp_path).code == 0
    assert manifest.read(tmp_path / "out")
    assert not (tmp_path / "out" / "thesis.tex").exists()


def test_without_a_network_a_bare_machine_is_told_so(anyport: Anyport, tmp_path: Path) -> None:
    answer = anyport("export", "mlp", "--to", "tflite", "-o", "out", cwd=tmp_path, env=_offline(tmp_path))
    assert answer.code == 4
    assert "the toolchain 'tensorflow' can't be provided" in answer.err
    assert "anyport toolchain install tensorflow" in answer.err
    assert Path(answer.err.partition("log: ")[2].strip()).is_file()
    assert not (tmp_path / "out").exists()


def test_a_runtime_whose_toolchain_cannot_be_had_is_not_run_and_the_others_finish(
    anyport: Anyport, tmp_path: Path, tensorflow_python: Path
) -> None:
    """What this machine has of TensorFlow's toolchain, and nothing else."""
    here = tensorflow_python.parents[1]
    assert here.name == toolchains.key(models.TENSORFLOW)
    environment = _offline(tmp_path)
    Path(environment["ANYPORT_TOOLCHAINS"]).mkdir()
    (Path(environment["ANYPORT_TOOLCHAINS"]) / here.name).symlink_to(here)
    line = ("export", "mlp", "--to", "saved_model", "--to", "tflite@litert", "-o", "out", "--json")
    answer = anyport(*line, cwd=tmp_path, env=environment)
    assert answer.code == 4, answer.err
    assert answer.artifact("saved_model")["status"] == "passed"
    artifact = answer.artifact("tflite")
    assert artifact["status"] == "not_run"
    assert "the toolchain 'litert' can't be provided" in artifact["reason"]
    assert artifact["files"], "it was made, though it was not proved"
    assert manifest.read(tmp_path / "out") == answer.json["manifest"]


def _offline(tmp_path: Path) -> dict[str, str]:
    return {"ANYPORT_TOOLCHAINS": str(tmp_path / "toolchains"), "UV_CACHE_DIR": str(tmp_path / "uv"), "UV_OFFLINE": "1"}


NEEDING_NODE = [
    (target.name, runtime.name)
    for target in targets.registry().values()
    for runtime in target.runtimes
    if "node" in runtime.needs
]


def test_some_runtime_needs_node() -> None:
    assert NEEDING_NODE


@pytest.mark.parametrize(("target_name", "runtime"), NEEDING_NODE)
def test_without_node_its_runtime_is_not_run_and_the_others_finish(
    anyport: Anyport, programs: Path, tmp_path: Path, target_name: str, runtime: str
) -> None:
    line = ("export", "mlp", "--to", f"{target_name}@{runtime}", "--to", "saved_model", "-o", "out", "--json")
    answer = anyport(*line, cwd=tmp_path, env={"PATH": os.fspath(programs)})
    assert answer.code == 4, answer.err
    assert answer.artifact("saved_model")["status"] == "passed"
    artifact = answer.artifact(target_name)
    assert artifact["status"] == "not_run"
    assert artifact["reason"] == f"{runtime}: node is not on PATH"
    assert artifact["files"]


def test_the_same_inputs_give_the_same_bytes(anyport: Anyport, tmp_path: Path) -> None:
    runtimes = {name: targets.registry()[name].runtimes[0].name for name in targets.BUILT_IN}
    to = [word for name, runtime in runtimes.items() for word in ("--to", f"{name}@{runtime}")]
    answers = [anyport("export", "digits", *to, "-o", f"out{number}", "--json", cwd=tmp_path) for number in range(2)]
    assert [answer.code for answer in answers] == [0, 0]
    first, second = ([item["files"] for item in answer.json["manifest"]["artifacts"]] for answer in answers)
    assert len(first) == len(targets.BUILT_IN)
    assert all(first)
    assert first == second
    assert len({answer.json["manifest"]["samples"]["sha256"] for answer in answers}) == 1


def test_another_seed_gives_other_samples_and_the_same_artifact(anyport: Anyport, tmp_path: Path) -> None:
    first, second = (
        anyport("export", "mlp", "--to", "tflite@litert", "--seed", seed, "-o", f"out{seed}", "--json", cwd=tmp_path)
        for seed in ("1", "2")
    )
    assert first.json["manifest"]["samples"]["seed"] == 1
    assert first.json["manifest"]["samples"]["sha256"] != second.json["manifest"]["samples"]["sha256"]
    assert first.artifact("tflite")["files"] == second.artifact("tflite")["files"]
