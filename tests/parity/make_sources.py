"""Write a source of every kind into a folder: `PYTHON make_sources.py FOLDER`, in an interpreter with TensorFlow.

For each case NAME there is `FOLDER/NAME/` with the source's files, and in `FOLDER/cases.json` what to ask of the
loader and what it shall answer: `source` (as in `models/guest/load.py`), `trust`, `search_path`, `nested` (all output
names), `tolerance`, `note` (words of a note), `precision` (by signature, where it isn't float32) and `error` (words of a
refusal).  `NAME/samples.npz` are inputs for `--samples`,
`NAME/expected.npz` the outputs (`SIGNATURE/NAME`) that the model gave before it was saved.

One process writes them all, since the import of TensorFlow, Keras 3 and Keras 2 costs more than they do.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
import tf_keras

HERE = Path(__file__).resolve().parent / "sources"
sys.path.insert(0, str(HERE))

import my_layers  # noqa: E402
import python_sources  # noqa: E402

Case = dict[str, Any]
CASES: dict[str, Callable[[Path], Case]] = {}
RNG = np.random.default_rng(0)
DEFAULT = "serving_default"


def case(make: Callable[[Path], Case]) -> Callable[[Path], Case]:
    CASES[make.__name__] = make
    return make


def file(kind: str, path: Path, **more: Any) -> Case:
    return {"source": {"kind": kind, "path": str(path), "name": ""}, **more}


def python(name: str, **more: Any) -> Case:
    return {"source": {"kind": "python", "path": str(HERE / "python_sources.py"), "name": name}, **more}


def proved(samples: Mapping[str, Any], expected: Mapping[str, Any]) -> Case:
    """Inputs, and outputs by `SIGNATURE/NAME`, or by NAME for `serving_default`."""
    outputs = {key if "/" in key else f"{DEFAULT}/{key}": plain(value) for key, value in expected.items()}
    return {"samples": {key: np.asarray(value) for key, value in samples.items()}, "expected": outputs}


def plain(value: Any) -> Any:
    """Return a tensor as an array that needs no pickling."""
    array = np.asarray(value)
    return array.astype(np.bytes_) if array.dtype.kind == "O" else array


def floats(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def cut(path: Path, share: float = 0.6) -> Path:
    """Truncate a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


# Keras 3


def two_in_two_out() -> Any:
    keras.utils.set_random_seed(0)
    image, age = keras.Input((6, 6, 3), name="image"), keras.Input((1,), name="age")
    hidden = keras.layers.Flatten()(keras.layers.Conv2D(3, 3)(image))
    hidden = keras.layers.Concatenate()([hidden, keras.layers.Dropout(0.5)(age)])
    outputs = {name: keras.layers.Dense(2, name=f"dense_{name}")(hidden) for name in ("risk", "cost")}
    return keras.Model({"image": image, "age": age}, outputs)


@case
def keras_3_file(folder: Path) -> Case:
    model, given = two_in_two_out(), {"image": floats(3, 6, 6, 3), "age": floats(3, 1)}
    model.save(folder / "m.keras")
    return file("keras", folder / "m.keras", **proved(given, model(given)))


@case
def keras_3_nested(folder: Path) -> Case:
    left, right = (keras.Input((2,), name=name) for name in ("left", "right"))
    flag = keras.Input((1,), name="flag", dtype="bool")
    total = keras.layers.Add(name="total")([left, right])
    model = keras.Model([left, [right, flag]], [left, {"total": total, "flag": flag}])
    model.save(folder / "m.keras")
    given = {"left": floats(2, 2), "right": floats(2, 2), "flag": np.array([[True], [False]])}
    result = {"left": given["left"], "flag": given["flag"], "total": given["left"] + given["right"]}
    return file("keras", folder / "m.keras", **proved(given, result), nested=sorted(result))


def text_model(api: Any, kind: str) -> Any:
    api.utils.set_random_seed(1)
    tokens = api.Input((None,), dtype="int32", name="tokens")
    hidden = api.layers.Embedding(30, 8, mask_zero=True)(tokens)
    return api.Model(tokens, api.layers.Dense(2, name="label")(getattr(api.layers, kind)(6)(hidden)))


TOKENS = np.array([[1, 5, 29, 0], [3, 0, 0, 0]], np.int32)


@case
def keras_3_h5(folder: Path) -> Case:
    model = text_model(keras, "LSTM")
    model.save(folder / "m.h5")
    return file("keras", folder / "m.h5", **proved({"tokens": TOKENS}, {"label": model(TOKENS)}))


@case
def keras_3_export(folder: Path) -> Case:
    model, given = two_in_two_out(), {"image": floats(3, 6, 6, 3), "age": floats(3, 1)}
    model.export(str(folder / "m"), verbose=False)
    return file("saved_model", folder / "m", **proved(given, model(given)))


@case
def keras_3_words(folder: Path) -> Case:
    words = keras.layers.StringLookup(vocabulary=["red", "green", "blue"], name="lookup")
    inputs = keras.Input((3,), dtype="string", name="words")
    model = keras.Model(inputs, keras.layers.Embedding(4, 2, name="vectors")(words(inputs)))
    model.save(folder / "m.keras")
    given = np.array([[b"red", b"blue", b"pink"]])
    return file("keras", folder / "m.keras", **proved({"words": given}, {"vectors": model(tf.constant(given))}))


def with_lambda(api: Any) -> Any:
    inputs = api.Input((2,), name="x")
    return api.Model(inputs, api.layers.Lambda(lambda x: x * 3, output_shape=(2,), name="thrice")(inputs))


def lambda_case(api: Any, path: Path, trust: bool) -> Case:
    with_lambda(api).save(path)
    x = floats(2, 2)
    if not trust:
        return file("keras", path, error=["Lambda", "--trust"])
    return file("keras", path, trust=True, **proved({"x": x}, {"thrice": x * 3}))


for _name, _api in (("keras_3", keras), ("keras_2", tf_keras)):
    for _suffix in ("keras", "h5"):
        for _trust in (True, False):
            CASES[f"{_name}_lambda_{_suffix}_{'trusted' if _trust else 'refused'}"] = (
                lambda folder, api=_api, suffix=_suffix, trust=_trust: lambda_case(api, folder / f"m.{suffix}", trust)
            )


def own_layer(path: Path) -> Any:
    inputs = keras.Input((2,), name="x")
    keras.Model(inputs, my_layers.Twice(name="twice")(inputs)).save(path)
    return path


@case
def own_layer_trusted(folder: Path) -> Case:
    x = floats(2, 2)
    return file(
        "keras",
        own_layer(folder / "m.keras"),
        trust=True,
        search_path=[str(HERE)],
        **proved({"x": x}, {"twice": x * 2}),
    )


@case
def own_layer_refused(folder: Path) -> Case:
    return file("keras", own_layer(folder / "m.keras"), error=["'Twice'", "FILE.py:", "--trust"])


@case
def own_layer_of_keras_2(folder: Path) -> Case:
    class Thrice(tf_keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs * 3

    inputs = tf_keras.Input((2,), name="x")
    tf_keras.Model(inputs, Thrice()(inputs)).save(folder / "m.h5")
    return file("keras", folder / "m.h5", error=["'Thrice'", "FILE.py:"])


# Keras 2


def keras_2_model() -> Any:
    """With an operator among its layers, which Keras 3 can't read."""
    tf_keras.utils.set_random_seed(2)
    inputs = tf_keras.Input((4,), name="features")
    hidden = tf.nn.relu(tf_keras.layers.Dense(5)(inputs)) + 1.0
    return tf_keras.Model(
        inputs, [tf_keras.layers.Dense(2, name="first")(hidden), tf_keras.layers.Dense(1, name="second")(hidden)]
    )


@case
def keras_2_with_optimizer(folder: Path) -> Case:
    model, x = keras_2_model(), floats(6, 4)
    # The optimizers of Keras 2's first years leave slot variables in the object graph, at which `tf.saved_model.load`
    # stops unless something has registered their class: "'_UserObject' object has no attribute 'add_slot'".
    model.compile(tf_keras.optimizers.legacy.Adam(), "mse")
    model.fit(x, [floats(6, 2), floats(6, 1)], verbose=0)
    model.save(folder / "m", save_format="tf")
    first, second = model(x)
    return file("saved_model", folder / "m", **proved({"features": x}, {"first": first, "second": second}))


@case
def keras_2_rnn_saved_model(folder: Path) -> Case:
    model = text_model(tf_keras, "LSTM")
    model.save(folder / "m", save_format="tf")
    return file("saved_model", folder / "m", **proved({"tokens": TOKENS}, {"label": model(TOKENS)}))


@case
def keras_2_h5(folder: Path) -> Case:
    model, x = keras_2_model(), floats(3, 4)
    model.save(folder / "m.h5")
    first, second = model(x)
    return file("keras", folder / "m.h5", note="Keras 2", **proved({"features": x}, {"first": first, "second": second}))


@case
def keras_2_file(folder: Path) -> Case:
    model = text_model(tf_keras, "GRU")
    model.save(folder / "m.keras")
    return file("keras", folder / "m.keras", **proved({"tokens": TOKENS}, {"label": model(TOKENS)}))


# SavedModels of tf.Module, and of TensorFlow 1


class Shop(tf.Module):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        (folder / "stock.txt").write_text("apple\npear\nplum\n", encoding="utf-8")
        lines = tf.lookup.TextFileInitializer(
            str(folder / "stock.txt"),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        self.stock = tf.lookup.StaticHashTable(lines, -1)
        self.prices = tf.Variable([1.0, 2.0, 3.0])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="item")])
    def find(self, item: Any) -> Any:
        return {"row": self.stock.lookup(item)}

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.int64, name="row"), tf.TensorSpec([], tf.float64, name="rate")]
    )
    def price(self, row: Any, rate: Any) -> Any:
        return {"price": tf.cast(tf.gather(self.prices, row), tf.float64) * rate}


@case
def module_with_assets(folder: Path) -> Case:
    shop = Shop(folder)
    tf.saved_model.save(shop, str(folder / "m"), signatures={"find": shop.find, "price": shop.price})
    (folder / "stock.txt").unlink()
    given = {"find/item": np.array([b"pear", b"nut"]), "price/row": np.array([2, 0]), "price/rate": np.array(1.5)}
    return file(
        "saved_model",
        folder / "m",
        **proved(given, {"find/row": np.array([1, -1]), "price/price": np.array([4.5, 1.5])}),
    )


@case
def module_with_state(folder: Path) -> Case:
    counter = python_sources.counter()
    tf.saved_model.save(counter, str(folder / "m"), signatures=counter.__call__.get_concrete_function())
    step = floats(2)
    before = np.array([10, 20], np.float32)
    return file("saved_model", folder / "m", **proved({"step": step}, {"before": before, "after": before + step}))


def v1_graph(resource: bool, loop: bool) -> tuple[Any, Any, Any]:
    x = tf.compat.v1.placeholder(tf.float32, [None, 3], name="x")
    kernel = tf.compat.v1.get_variable(
        "kernel", initializer=np.linspace(-1, 1, 1200, dtype=np.float32).reshape(3, 400), use_resource=resource
    )
    y = tf.matmul(x, kernel)
    if loop:
        y = tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, tf.tanh(y) + 0.1), [tf.constant(0), y])[1]
    return x, y, tf.identity(y, name="y")


def v1_saved_model(folder: Path, resource: bool) -> Case:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.disable_control_flow_v2()
        x, _, y = v1_graph(resource, loop=True)
        session.run(tf.compat.v1.global_variables_initializer())
        given = floats(2, 3)
        tf.compat.v1.saved_model.simple_save(session, str(folder / "m"), {"in": x}, {"out": y})
        expected = session.run(y, {x: given})
        tf.compat.v1.enable_control_flow_v2()
    return file("saved_model", folder / "m", **proved({"in": given}, {"out": expected}))


@case
def v1_reference_variables(folder: Path) -> Case:
    return v1_saved_model(folder, resource=False)


@case
def v1_resource_variables(folder: Path) -> Case:
    return v1_saved_model(folder, resource=True)


def frozen(folder: Path, loop: bool) -> Case:
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.disable_control_flow_v2()
        x, _, y = v1_graph(False, loop)
        session.run(tf.compat.v1.global_variables_initializer())
        given = floats(2, 3)
        expected = session.run(y, {x: given})
        graph = tf.compat.v1.graph_util.convert_variables_to_constants(session, session.graph_def, ["y"])
        tf.compat.v1.enable_control_flow_v2()
    (folder / "m.pb").write_bytes(graph.SerializeToString())
    return file("frozen_graph", folder / "m.pb", **proved({"x": given}, {"y": expected}))


@case
def frozen_graph(folder: Path) -> Case:
    return frozen(folder, loop=False)


@case
def frozen_loop(folder: Path) -> Case:
    return frozen(folder, loop=True)


# Python


@case
def every_dtype(folder: Path) -> Case:
    given = {
        "flag": np.array([True, False]),
        "text": np.array([b"one", b"two"]),
        "half": floats(2, 2).astype(np.float16),
        "double": floats(2, 2).astype(np.float64),
        "long": np.array([1, 2]),
        "byte": np.array([250, 9], np.uint8),
        "wave": np.array([1 + 2j, 3j], np.complex64),
    }
    result = python_sources.every_dtype().__call__(**{key: tf.constant(value) for key, value in given.items()})
    return python("every_dtype", **proved(given, result), precision={DEFAULT: "float16"})


@case
def half_brain(folder: Path) -> Case:
    x = floats(2, 8)
    logits = tf.cast(python_sources.half_brain()(x), tf.float32)
    note = "'logits' of 'serving_default': bfloat16 in the source, float32"
    return python(
        "half_brain", **proved({"features": x}, {"logits": logits}), note=note, precision={DEFAULT: "bfloat16"}
    )


@case
def narrow_ports(folder: Path) -> Case:
    x = floats(2, 2)
    rounded = tf.cast(tf.cast(x, tf.bfloat16), tf.float32).numpy()
    expected = {"same": rounded, "moved": rounded.T, "first": rounded.argmax(-1)}
    return python("narrow_ports", **proved({"x": x}, expected), tolerance=0, precision={"computed": "bfloat16"})


@case
def two_tables(folder: Path) -> Case:
    letters = np.array([["a", "b", "c", "a"]])
    return python("two_tables", **proved({"letters": letters}, python_sources.two_tables()(tf.constant(letters))))


@case
def gathers(folder: Path) -> Case:
    given = {"steps": np.array([0, 299, 7, 7, 1, 2], np.int32), "picks": RNG.integers(0, 200, (2, 5)).astype(np.int32)}
    return python("gathers", **proved(given, python_sources.gathers()(*given.values())))


@case
def counter(folder: Path) -> Case:
    steps = floats(3, 2)
    after = np.array([10, 20], np.float32) + np.cumsum(steps, axis=0)
    return python("counter", samples={"step": steps}, expected={f"{DEFAULT}/after": after[0]})


@case
def nested(folder: Path) -> Case:
    given = {"pair/left": floats(1, 2), "pair/right/0": floats(1, 2), "pair/right/1": floats(1, 2)}
    left, first, _ = given.values()
    return python("nested", **proved(given, {"sum": left + first}), nested=["all/0", "all/1", "sum"])


@case
def two_arguments(folder: Path) -> Case:
    (model, _), given = (
        python_sources.two_arguments(),
        {"tokens": np.array([[1, 49, 0, 0, 2, 0]], np.int32), "bias": floats(1, 3)},
    )
    return python("two_arguments", **proved(given, {"output_0": model(given["tokens"], given["bias"])}))


@case
def guessed(folder: Path) -> Case:
    tokens = np.array([[1, 49, 0, 0, 2, 0]], np.int32)
    return python("guessed", **proved({"tokens": tokens}, {"output_0": python_sources.guessed()(tokens)}))


def keras_case(name: str, output: str, *shape: int, key: str) -> Case:
    model, x = getattr(python_sources, name)(), floats(*shape)
    result = model(x, training=False)
    return python(name, **proved({key: x}, {output: result[-1] if isinstance(result, list) else result}))


@case
def mixed_precision(folder: Path) -> Case:
    # Half precision rounds elsewhere when a graph is optimized.
    case = keras_case("mixed_precision", "logits", 3, 8, key="features")
    return {**case, "tolerance": 5e-3, "precision": {DEFAULT: "float16"}}


@case
def stateful_rnn(folder: Path) -> Case:
    return keras_case("stateful_rnn", "state", 2, 4, 3, key="frames")


@case
def noisy(folder: Path) -> Case:
    return keras_case("noisy", "norm", 2, 8, 8, 4, key="image")


@case
def file_called_keras(folder: Path) -> Case:
    """A user's file may be called like a package that it imports."""
    (folder / "random.py").write_text("raise RuntimeError('this is not the standard library')\n", encoding="utf-8")
    (folder / "keras.py").write_text(
        "import keras\n\n\ndef build():\n    x = keras.Input((2,), name='x')\n"
        "    return keras.Model(x, keras.layers.Rescaling(4.0, name='y')(x))\n",
        encoding="utf-8",
    )
    x = floats(2, 2)
    source = {"kind": "python", "path": str(folder / "keras.py"), "name": "build"}
    return {"source": source, "search_path": [str(folder)], **proved({"x": x}, {"y": x * 4})}


for _name, _words in {
    "calls_python": ["Python", "PyFunc"],
    "no_rank": ["rank", "TensorSpec"],
    "changing_table": ["lookup table", "Insert"],
    "no_signature": ["no signature", "input_signature"],
    "no_input_signature": ["no input_signature"],
    "never_built": ["never been built", "Call it once"],
    "not_a_model": ["expected a keras.Model", "int"],
    "raises": ["raises() raised RuntimeError: weights.bin is missing"],
    "absent": ["has no 'absent'", "two_tables"],
}.items():
    CASES[f"refused_{_name}"] = lambda folder, name=_name, words=_words: python(name, error=words)


@case
def does_not_import(folder: Path) -> Case:
    (folder / "m.py").write_text("import keras\nimport no_such_package\n", encoding="utf-8")
    return {
        "source": {"kind": "python", "path": str(folder / "m.py"), "name": "build"},
        "error": ["doesn't import", "no_such_package", "line 2", "--python"],
    }


# Damage


@case
def truncated_keras(folder: Path) -> Case:
    two_in_two_out().save(folder / "m.keras")
    return file("keras", cut(folder / "m.keras"), error=["truncated", "Save it again"])


@case
def truncated_h5(folder: Path) -> Case:
    text_model(keras, "LSTM").save(folder / "m.h5")
    return file("keras", cut(folder / "m.h5"), error=["damaged", "truncated file", "Save it again"])


def small_saved_model(folder: Path) -> Path:
    module = tf.Module()
    module.v = tf.Variable(tf.zeros([1000]))
    module.call = tf.function(lambda x: x + module.v, input_signature=[tf.TensorSpec([1000])])
    tf.saved_model.save(module, str(folder / "m"), signatures=module.call.get_concrete_function())
    return folder / "m"


@case
def truncated_saved_model(folder: Path) -> Case:
    path = small_saved_model(folder)
    cut(path / "saved_model.pb")
    return file("saved_model", path, error=["not a readable SavedModel", "Save it again"])


@case
def truncated_variables(folder: Path) -> Case:
    path = small_saved_model(folder)
    cut(path / "variables" / "variables.data-00000-of-00001")
    return file("saved_model", path, error=["can't be read", "incomplete"])


@case
def missing_variables(folder: Path) -> Case:
    path = small_saved_model(folder)
    for item in (path / "variables").iterdir():
        item.unlink()
    return file("saved_model", path, error=["can't be read", "incomplete"])


@case
def no_signatures(folder: Path) -> Case:
    module = tf.Module()
    module.v = tf.Variable(1.0)
    tf.saved_model.save(module, str(folder / "m"))
    return file("saved_model", folder / "m", error=["has no signature", "FILE.py:NAME"])


@case
def only_weights(folder: Path) -> Case:
    text_model(keras, "GRU").save_weights(folder / "m.weights.h5")
    return file("keras", folder / "m.weights.h5", error=["weights but no model", "FILE.py:NAME"])


@case
def zip_of_something(folder: Path) -> Case:
    import zipfile

    with zipfile.ZipFile(folder / "m.keras", "w") as archive:
        archive.writestr("readme.txt", "hello")
    return file("keras", folder / "m.keras", error=["no Keras model file", "config.json"])


@case
def not_frozen(folder: Path) -> Case:
    with tf.Graph().as_default() as graph:
        v1_graph(True, loop=False)
    (folder / "m.pb").write_bytes(graph.as_graph_def().SerializeToString())
    return file("frozen_graph", folder / "m.pb", error=["not frozen", "'kernel'"])


@case
def not_a_graph(folder: Path) -> Case:
    (folder / "m.pb").write_bytes(b"certainly no protobuf")
    return file("frozen_graph", folder / "m.pb", error=["not a readable GraphDef"])


def main(root: Path, only: list[str]) -> None:
    index = {}
    for name, make in CASES.items():
        if only and name not in only:
            continue
        folder = root / name
        folder.mkdir(parents=True)
        made = make(folder)
        for key in ("samples", "expected"):
            if key in made:
                np.savez(folder / f"{key}.npz", **made.pop(key))
                made[key] = str(folder / f"{key}.npz")
        index[name] = made
    (root / "cases.json").write_text(json.dumps(index, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
