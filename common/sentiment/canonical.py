"""One form for every ONNX graph that means the same: so that equal runs export equal
bytes.

The converter numbers what it makes by counters of the process, and orders nodes and
shares constants by the hash of their names, which Python draws anew in each process.
Here the nodes stand in the order in which the output needs them, constants of equal
content are one, copies (Identity) are made for outputs alone, and names are numbers in
that order. What the graph computes stays.
Where the order means nothing (the terms of a sum, the variables that a loop carries),
canonical_order has chosen one before.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import onnx

from common.sentiment import canonical_order


def canonical(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return an equal model whose bytes depend on what it computes alone.

    Args:
        model: its inputs keep their names, in their order.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    result.doc_string = ""
    del result.metadata_props[:]
    inputs = {value.name: value.name for value in model.graph.input}
    ordered = canonical_order.ordered(model.graph)
    result.graph.CopyFrom(_graph(ordered, inputs, None, itertools.count()))
    return result


def _graph(
    graph: onnx.GraphProto,
    names: dict[str, str],
    outer: Callable[[str], str] | None,
    numbers: Iterator[int],
) -> onnx.GraphProto:
    """Rewrite a graph.

    Args:
        graph: as the converter made it.
        names: the new names of its inputs; grows.
        outer: gives the new name of a tensor of the graph around it.
        numbers: for new names, counted through all graphs.
    """
    result = onnx.GraphProto(name="graph")
    made_by = {name: node for node in graph.node for name in node.output if name}
    constants = {constant.name: constant for constant in graph.initializer}
    same_content: dict[bytes, str] = {}

    def renamed(tensor: str) -> str:
        """The new name; what makes the tensor is in the result from then on."""
        if tensor in names or not tensor:
            return names.get(tensor, "")
        if tensor in constants:
            names[tensor] = add_constant(constants[tensor])
        elif tensor in made_by and made_by[tensor].op_type == "Identity":
            names[tensor] = renamed(made_by[tensor].input[0])
        elif tensor in made_by:
            add_node(made_by[tensor])
        else:
            return outer(tensor)
        return names[tensor]

    def add_constant(constant: onnx.TensorProto) -> str:
        copy = _unnamed(constant)
        content = copy.SerializeToString(deterministic=True)
        if content not in same_content:
            copy.name = same_content[content] = f"constant_{next(numbers)}"
            result.initializer.append(copy)
        return same_content[content]

    def add_node(node: onnx.NodeProto) -> None:
        copy = onnx.NodeProto(op_type=node.op_type, domain=node.domain)
        copy.input.extend(renamed(tensor) for tensor in node.input)
        for attribute in sorted(node.attribute, key=lambda one: one.name):
            copy.attribute.append(attribute)
            if attribute.HasField("t"):
                copy.attribute[-1].t.CopyFrom(_unnamed(attribute.t))
            if attribute.HasField("g"):
                inner = attribute.g
                inputs = {v.name: f"tensor_{next(numbers)}" for v in inner.input}
                copy.attribute[-1].g.CopyFrom(_graph(inner, inputs, renamed, numbers))
        for tensor in node.output:
            names[tensor] = f"tensor_{next(numbers)}" if tensor else ""
            copy.output.append(names[tensor])
        copy.name = f"{node.op_type}_{next(numbers)}"
        result.node.append(copy)

    def output(tensor: str) -> str:
        """A name for an output: its own, so copied where another one has it."""
        name = renamed(tensor)
        own = {made for node in result.node for made in node.output}
        own.update(value.name for value in result.input)
        if name in own and name not in (value.name for value in result.output):
            return name
        copy = f"tensor_{next(numbers)}"
        result.node.add(op_type="Identity", name=f"Identity_{next(numbers)}")
        result.node[-1].input.append(name)
        result.node[-1].output.append(copy)
        return copy

    result.input.extend(_value(value, names[value.name]) for value in graph.input)
    for value in graph.output:
        result.output.append(_value(value, output(value.name)))
    return result


def _unnamed(tensor: onnx.TensorProto) -> onnx.TensorProto:
    copy = onnx.TensorProto()
    copy.CopyFrom(tensor)
    copy.name = copy.doc_string = ""
    return copy


def _value(value: onnx.ValueInfoProto, name: str) -> onnx.ValueInfoProto:
    """An input or output under its new name; sizes left open named by their axis."""
    copy = onnx.ValueInfoProto()
    copy.CopyFrom(value)
    copy.name, copy.doc_string = name, ""
    for axis, size in enumerate(copy.type.tensor_type.shape.dim):
        if size.dim_param:
            size.dim_param = f"{name}_{axis}"
    return copy
