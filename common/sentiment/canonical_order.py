"""An order where ONNX leaves it open: the variables that a loop carries and the terms
of the sums and products in it, which the converter lists as its sets yield them.

Every tensor gets a fingerprint of what computes it, free of names and of these orders;
by the fingerprints they are sorted. For a loop that is the refinement of colours by
which graphs are compared: at first a variable is known by its value at the start, then,
round by round, also by what the body makes of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import onnx

_COMMUTATIVE = {"Add", "Mul", "And", "Or", "Xor", "Equal", "Max", "Min", "Sum"}


def ordered(graph: onnx.GraphProto) -> onnx.GraphProto:
    """Return a copy of a graph, its open orders chosen by content.

    Args:
        graph: a whole graph; its own inputs and outputs keep their order.
    """
    result = onnx.GraphProto()
    result.CopyFrom(graph)
    inputs = {value.name: _hash("input", value.name) for value in graph.input}
    _Fingerprints(result, inputs, None).sort_all()
    return result


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class _Fingerprints:
    """The fingerprints of a graph's tensors; sorts the nodes on its way."""

    def __init__(
        self,
        graph: onnx.GraphProto,
        inputs: dict[str, str],
        outer: Callable[[str], str] | None,
    ) -> None:
        self.graph = graph
        self.known = dict(inputs)
        self.outer = outer
        self.made_by = {name: n for n in graph.node for name in n.output if name}
        for constant in graph.initializer:
            self.known[constant.name] = _content(constant)

    def of(self, tensor: str) -> str:
        """The fingerprint of a tensor by its name; "" is an input left out."""
        if not tensor:
            return ""
        if tensor not in self.known:
            if tensor not in self.made_by:
                return self.outer(tensor)
            self._sort(self.made_by[tensor])
        return self.known[tensor]

    def sort_all(self) -> None:
        for node in self.graph.node:
            if not any(name in self.known for name in node.output):
                self._sort(node)

    def _sort(self, node: onnx.NodeProto) -> None:
        """Choose a node's open orders, and know its outputs from then on."""
        # Outside of loops the converter keeps their order; so do we, and what was
        # exported by an earlier version of the course keeps its bytes.
        if node.op_type in _COMMUTATIVE and self.outer is not None:
            terms = sorted(node.input, key=self.of)
            del node.input[:]
            node.input.extend(terms)
        if node.op_type == "Loop":
            self._sort_loop(node)
            return
        if node.op_type == "Identity":  # another name for the same
            self.known[node.output[0]] = self.of(node.input[0])
            return
        itself = _hash(
            node.domain,
            node.op_type,
            *(self.of(tensor) for tensor in node.input),
            *(
                self._of_attribute(one)
                for one in sorted(node.attribute, key=lambda one: one.name)
            ),
        )
        for place, tensor in enumerate(node.output):
            self.known[tensor] = _hash(itself, str(place))

    def _of_attribute(self, attribute: onnx.AttributeProto) -> str:
        if attribute.HasField("g"):
            inner = _Fingerprints(attribute.g, _by_place(attribute.g), self.of)
            inner.sort_all()
            outputs = (inner.of(value.name) for value in attribute.g.output)
            return _hash(attribute.name, *outputs)
        if attribute.HasField("t"):
            return _hash(attribute.name, _content(attribute.t))
        content = attribute.SerializeToString(deterministic=True)
        return _hash(attribute.name, content.hex())

    def _sort_loop(self, node: onnx.NodeProto) -> None:
        """Sort what a loop carries and what it stacks.

        Its inputs are the count, the condition and the variables; its body's inputs
        the same; the body's outputs the condition, the variables and what is stacked;
        the loop's outputs are the last two.
        """
        body = next(one.g for one in node.attribute if one.name == "body")
        carried = len(node.input) - 2
        start = [self.of(tensor) for tensor in node.input]
        colours = start[2:]
        for _ in range(carried + 1):
            fixed = {body.input[0].name: "count", body.input[1].name: "condition"}
            variables = (value.name for value in body.input[2:])
            inputs = fixed | dict(zip(variables, colours, strict=True))
            inner = _Fingerprints(body, inputs, self.of)
            inner.sort_all()
            made = [inner.of(value.name) for value in body.output]
            colours = [_hash(*two) for two in zip(colours, made[1:], strict=False)]
        stacked = made[1 + carried :]
        by_colour = sorted(range(carried), key=colours.__getitem__)
        by_content = sorted(range(len(stacked)), key=stacked.__getitem__)
        loop = _hash("Loop", *start[:2], made[0], *sorted(colours), *sorted(stacked))
        after = [carried + i for i in by_content]
        _reorder(node.input, [0, 1, *(2 + i for i in by_colour)])
        _reorder(body.input, [0, 1, *(2 + i for i in by_colour)])
        _reorder(body.output, [0, *(1 + i for i in [*by_colour, *after])])
        for tensor, itself in zip(node.output, [*colours, *stacked], strict=True):
            self.known[tensor] = _hash(loop, itself)
        _reorder(node.output, [*by_colour, *after])


def _reorder(repeated, order: list[int]) -> None:
    """Put a repeated field of a message into another order, in place."""
    items = [repeated[i] for i in order]
    if items and not isinstance(items[0], str):
        items = [type(item).FromString(item.SerializeToString()) for item in items]
    del repeated[:]
    repeated.extend(items)


def _by_place(graph: onnx.GraphProto) -> dict[str, str]:
    return {
        value.name: _hash("input", str(place))
        for place, value in enumerate(graph.input)
    }


def _content(tensor: onnx.TensorProto) -> str:
    copy = onnx.TensorProto()
    copy.CopyFrom(tensor)
    copy.name = copy.doc_string = ""
    return hashlib.sha256(copy.SerializeToString(deterministic=True)).hexdigest()
