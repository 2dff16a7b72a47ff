"""One form for every ONNX graph that means the same: common.sentiment.canonical."""

import itertools

import numpy as np
import onnx
import onnx.reference
import onnxruntime

from common.sentiment.canonical import canonical


def branching(prefix: str, turned: bool) -> onnx.ModelProto:
    """sum(x) > 1 ? (x + 1) * 2 : x - 1, with names and an order of one's own."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT

    def constant(name: str, value: float) -> onnx.TensorProto:
        return helper.make_tensor(prefix + name, kind, [], [value])

    def node(op: str, inputs: str, output: str, **attributes) -> onnx.NodeProto:
        names = [name if name == "x" else prefix + name for name in inputs.split()]
        return helper.make_node(op, names, [prefix + output], **attributes)

    def output(name: str) -> list:
        return [helper.make_tensor_value_info(prefix + name, kind, ["m"])]

    yes = [node("Add", "x one", "more"), node("Mul", "more two", "yes")]
    no = [node("Sub", "x once", "no")]
    branches = {
        "then_branch": helper.make_graph(yes, "a", [], output("yes")),
        "else_branch": helper.make_graph(no, "b", [], output("no")),
    }
    nodes = [
        node("ReduceSum", "x", "sum", keepdims=0),
        node("Greater", "sum one", "large"),
        node("If", "large", "y", **branches),
        node("Neg", "x", "unused"),
    ]
    constants = [constant("one", 1), constant("two", 2), constant("once", 1)]
    if turned:
        constants.reverse()
        nodes.insert(0, nodes.pop())
    x = [helper.make_tensor_value_info("x", kind, [prefix + "n"])]
    graph = helper.make_graph(nodes, prefix, x, output("y"), constants)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def looping(order: str, identity_on: str) -> onnx.ModelProto:
    """Twice: a, b = a * weight + x, b + a; b is stacked, too.

    Args:
        order: of the variables a, b and w (the weight, which only passes through).
        identity_on: which one of b's two outputs is a copy of the other.
    """
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT

    def value(name: str, kind: int = kind, shape: tuple = (2,)):
        return helper.make_tensor_value_info(name, kind, shape)

    turned = order != "abw"
    outputs = {"a": "a_next", "b": "b_next", "w": "w"}
    made, copy = ("b_next", "b_stacked")[:: 1 if identity_on == "stack" else -1]
    body = [
        helper.make_node("Mul", ["w", "a"] if turned else ["a", "w"], ["product"]),
        helper.make_node("Add", ["x", "product"], ["a_next"]),
        helper.make_node("Add", ["a", "b"] if turned else ["b", "a"], [made]),
        helper.make_node("Identity", [made], [copy]),
    ]
    inner = helper.make_graph(
        body,
        "body",
        [
            value("i", onnx.TensorProto.INT64, ()),
            value("go", onnx.TensorProto.BOOL, ()),
            *map(value, order),
        ],
        [
            value("go", onnx.TensorProto.BOOL, ()),
            *(value(outputs[name]) for name in order),
            value("b_stacked"),
        ],
    )
    start = {"a": "x", "b": "zero", "w": "weight"}
    loop = helper.make_node(
        "Loop",
        ["twice", "true", *(start[name] for name in order)],
        [*(f"{name}_last" for name in order), "steps"],
        body=inner,
    )
    graph = helper.make_graph(
        [loop],
        "loop",
        [value("x")],
        [value("a_last"), value("b_last"), value("steps", shape=(2, 2))],
        [
            helper.make_tensor("twice", onnx.TensorProto.INT64, [], [2]),
            helper.make_tensor("true", onnx.TensorProto.BOOL, [], [True]),
            helper.make_tensor("zero", kind, [2], [0.0, 0.0]),
            helper.make_tensor("weight", kind, [2], [2.0, 3.0]),
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def test_a_canonical_loop_carries_its_variables_in_one_order():
    every = [
        looping("".join(order), copied)
        for order in itertools.permutations("abw")
        for copied in ("stack", "variable")
    ]
    one, *others = (canonical(model) for model in every)
    onnx.checker.check_model(one)
    for other in others:
        assert other.SerializeToString() == one.SerializeToString()
    session = onnxruntime.InferenceSession(one.SerializeToString())
    feed = {"x": np.array([1.0, -1.0], np.float32)}
    a, b, steps = session.run(None, feed)
    assert a.tolist() == [7, -13] and b.tolist() == [4, -5]
    assert steps.tolist() == [[1, -1], [4, -5]]


def test_a_canonical_graph_computes_the_same_and_depends_on_nothing_else():
    model, other = branching("a_", False), branching("z/", True)
    one, two = canonical(model), canonical(other)
    onnx.checker.check_model(one)
    assert one.SerializeToString() == two.SerializeToString()
    assert len(one.graph.initializer) == 2 and len(one.graph.node) == 3
    for x in ([0.0, 0.0], [2.0, 3.0]):
        feed = {"x": np.array(x, np.float32)}
        (expected,), (got,) = (
            onnx.reference.ReferenceEvaluator(m).run(None, feed) for m in (model, one)
        )
        assert got.tolist() == expected.tolist()
