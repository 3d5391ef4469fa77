"""Sources that are graphs: SavedModels of any age, and frozen graphs (`.pb`).

Both are read into a session.  `tf.saved_model.load` rebuilds the Python objects that were saved and stops at what it
doesn't know (`'_UserObject' object has no attribute 'add_slot'`, for every model that Keras 2 saved with its
optimizer); an export needs the graph, the variables and the signatures, and a session reads those from every
SavedModel since 2016.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError

from anyport_guest import BadRequest, Tensors, first_line, storable
from anyport_tf.freeze import freeze_session, source_node
from anyport_tf.trace import Port, Traced, observed_shape, port

SERVE = "serve"
HIDDEN = ("__saved_model_init_op", "__saved_model_train_op")


@contextlib.contextmanager
def opened(source: dict[str, Any]) -> Iterator[list[Traced]]:
    """Open the source in a session of its own and yield its signatures; they can be run until it is closed."""
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        if source["kind"] == "saved_model":
            yield _saved_model(session, source["path"])
        else:
            yield [_frozen_graph(session, source["path"])]


def _saved_model(session: Any, path: str) -> list[Traced]:
    tags = _tags(path)
    try:
        meta = tf.compat.v1.saved_model.load(session, tags, path)
    except Exception as error:
        raise BadRequest(
            f"{path} can't be read: {first_line(error)}", "Its files may be incomplete: save it again."
        ) from error
    signatures = {name: item for name, item in meta.signature_def.items() if name not in HIDDEN and item.outputs}
    if not signatures:
        raise BadRequest(
            f"the SavedModel {path} has no signature",
            "Save it with signatures=…, or export the Python object: FILE.py:NAME.",
        )
    return [_signature(session, name, signatures[name]) for name in sorted(signatures)]


def _tags(path: str) -> list[str]:
    """Return the tags of the graph to read: `serve` where there is one, else the only one there is."""
    from tensorflow.python.saved_model import loader_impl

    try:
        proto = loader_impl.parse_saved_model(path)
    except (OSError, DecodeError) as error:
        raise BadRequest(f"{path} is not a readable SavedModel: {first_line(error)}", "Save it again.") from error
    sets = [list(meta.meta_info_def.tags) for meta in proto.meta_graphs]
    chosen = next((tags for tags in sets if tags == [SERVE]), None) or next(
        (tags for tags in sets if SERVE in tags), None
    )
    if chosen is None and len(sets) != 1:
        raise BadRequest(
            f"the SavedModel {path} holds graphs tagged {sets}, none of them {SERVE!r}", "Save one for serving."
        )
    return chosen if chosen is not None else sets[0]


def _signature(session: Any, name: str, definition: Any) -> Traced:
    inputs = _ports(session, name, definition.inputs)
    outputs = _ports(session, name, definition.outputs, inputs)
    return _traced(session, name, inputs, outputs)


def _ports(session: Any, signature: str, infos: Mapping[str, Any], inputs: Sequence[Port] = ()) -> list[Port]:
    """Describe a signature's inputs, or, given those, its outputs."""
    ports = []
    for name in sorted(infos):
        if infos[name].WhichOneof("encoding") != "name":
            raise BadRequest(
                f"{name!r} of signature {signature!r} is not a dense tensor",
                "Save the model with dense inputs and outputs.",
            )
        tensor = session.graph.get_tensor_by_name(infos[name].name)
        stated = tf.TensorShape(infos[name].tensor_shape)
        if tensor.shape.rank is None and stated.rank is None and inputs:
            stated = _observed_shape(session, inputs, tensor)
        ports.append(port(name, tensor, stated))
    return ports


def _frozen_graph(session: Any, path: str) -> Traced:
    """Read a `.pb`: its placeholders are the inputs, the nodes that nothing consumes the outputs."""
    definition = tf.compat.v1.GraphDef()
    try:
        with open(path, "rb") as file:
            definition.ParseFromString(file.read())
        tf.import_graph_def(definition, name="")
    except Exception as error:
        raise BadRequest(
            f"{path} is not a readable GraphDef: {first_line(error)}", "Freeze the graph again."
        ) from error
    if variables := [node.name for node in definition.node if node.op in ("VarHandleOp", "VariableV2", "Variable")]:
        raise BadRequest(
            f"{path} is not frozen: it holds {len(variables)} variables without values, {variables[0]!r} first",
            "Freeze it, or export the SavedModel it came from.",
        )
    consumed = {source_node(name) for node in definition.node for name in node.input}
    operations = [session.graph.get_operation_by_name(node.name) for node in definition.node]
    inputs = [op.outputs[0] for op in operations if op.type == "Placeholder"]
    results = [op for op in operations if op.name not in consumed and op.type not in ("Const", "NoOp", "Placeholder")]
    ends = [tensor for op in results for tensor in op.outputs]
    if not inputs or not ends:
        raise BadRequest(
            f"{path} has {len(inputs)} inputs and {len(ends)} outputs", "Give a graph with placeholders and a result."
        )
    named_inputs = [port(tensor.op.name, tensor) for tensor in inputs]
    shapes = [_observed_shape(session, named_inputs, tensor) for tensor in ends]
    named_outputs = [port(_output_name(tensor), tensor, shape) for tensor, shape in zip(ends, shapes, strict=True)]
    return _traced(session, "serving_default", named_inputs, named_outputs)


def _observed_shape(session: Any, inputs: Sequence[Port], tensor: Any) -> Any:
    """Return the shape of `tensor`, by running it on zeros of two sizes where TensorFlow can't infer its rank.

    It loses the shapes behind a loop of TensorFlow 1 when such a graph is imported.
    """
    if tensor.shape.rank is not None:
        return tensor.shape
    feeds = {item.name: item.tensor for item in inputs}
    return observed_shape(
        lambda values: session.run(tensor, {feeds[name]: value for name, value in values.items()}), inputs
    )


def _output_name(tensor: Any) -> str:
    return str(tensor.op.name) if len(tensor.op.outputs) == 1 else str(tensor.name)


def _traced(session: Any, name: str, inputs: list[Port], outputs: list[Port]) -> Traced:
    def run(tensors: Tensors) -> Tensors:
        values = session.run([port.tensor for port in outputs], {port.tensor: tensors[port.name] for port in inputs})
        return {port.name: storable(value) for port, value in zip(outputs, values, strict=True)}

    return Traced(
        name=name,
        inputs=inputs,
        outputs=outputs,
        freeze=lambda changing: freeze_session(
            session, [port.tensor for port in inputs], [port.tensor for port in outputs], changing
        ),
        run=run,
    )
