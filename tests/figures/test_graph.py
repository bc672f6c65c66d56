"""A drawn graph: layers, order and room, and every word inside its box."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.patches import FancyBboxPatch, Rectangle

from tinygen import figures
from tinygen.figures import graph


def chain(count):
    return [(i, f"op {i}", (100, 784), "op") for i in range(count)], [(i, i + 1) for i in range(count - 1)]


def test_layers_are_longest_paths():
    nodes = dict.fromkeys("abcd")
    assert graph.layers(nodes, [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")]) == {"a": 0, "b": 1, "c": 2, "d": 3}


def test_weights_and_their_transposes_move_next_to_their_use():
    nodes = dict.fromkeys(["x", "h", "y", "z", "w", "wT"])
    layer = graph.layers(nodes, [("x", "h"), ("h", "y"), ("y", "z"), ("x", "z"), ("w", "wT"), ("wT", "z")])
    assert (layer["wT"], layer["w"], layer["x"]) == (layer["z"] - 1, layer["z"] - 2, 0)


def test_crossings_are_untangled():
    rows = [["a", "b", "c"], ["A", "B", "C"]]
    chains = {pair: [(pair[0], 0), (pair[1], 1)] for pair in (("a", "C"), ("b", "B"), ("c", "A"))}
    graph._order(rows, chains)
    _, below = graph._neighbours(chains)
    assert graph._crossings(rows, below) == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 14), st.randoms(use_true_random=False))
def test_any_graph_keeps_its_order_its_room_and_its_direction(count, random):
    edges = [(i, j) for j in range(count) for i in range(j) if random.random() < 0.3]
    nodes = {i: figures.Node(i, f"op {i}") for i in range(count)}
    layer = graph.layers(nodes, edges)
    assert all(layer[a] < layer[b] for a, b in edges) and min(layer.values()) >= 0
    rows, chains = graph._with_dummies(nodes, edges, layer)
    members = [set(row) for row in rows]
    graph._order(rows, chains)
    assert [set(row) for row in rows] == members
    width = {id: graph._width(node) for id, node in nodes.items()}
    places = graph._place(rows, chains, width)
    for row in rows:
        for a, b in zip(row, row[1:]):
            assert places[b] - places[a] >= (width.get(a, 0) + width.get(b, 0)) / 2 + 0.1


def test_a_chain_is_straight():
    nodes, edges = chain(5)
    rows, chains = graph._with_dummies(dict.fromkeys(range(5)), edges, graph.layers(dict.fromkeys(range(5)), edges))
    assert np.ptp(list(graph._place(rows, chains, {i: 1.0 + i for i in range(5)}).values())) < 1e-9


def test_sixty_nodes_are_legible():
    nodes = [(i, ("convolution_with_bias", "add", "encoder.3.running_var")[i % 3], (64, 128, 28, 28), "op" if i % 2 else "parameter")
             for i in range(60)]
    edges = [(i, j) for j in range(1, 60) for i in {j // 2, max(0, j - 3)} if i < j]
    figure = figures.draw_graph(nodes, edges)
    figure.canvas.draw()
    ax = figure.axes[0]
    boxes = [patch.get_window_extent() for patch in ax.patches if isinstance(patch, (FancyBboxPatch, Rectangle))]
    assert len(boxes) == 60 and len(ax.texts) == 120
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1:])
    for text in ax.texts:
        words = text.get_window_extent()
        assert text.get_fontsize() >= 6.5
        assert any(box.x0 <= words.x0 and words.x1 <= box.x1 and box.y0 <= words.y0 and words.y1 <= box.y1 for box in boxes)


def test_shapes_are_written_as_tuples_and_repeats_are_said():
    texts = {text.get_text() for text in figures.draw_graph([("a", "a", (3,), "input"), ("b", "add", (), "op"), ("c", "c")],
                                                            [("a", "b"), ("a", "b")]).axes[0].texts}
    assert texts == {"a", "(3,)", "add", "()", "c", "2 times"}


def test_values_colour_the_nodes_they_name():
    nodes, edges = chain(3)
    figure = figures.draw_graph(nodes, edges, values={0: 1.0, 2: 3.0}, value_label="gradient norm")
    fills = [patch.get_facecolor() for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]
    assert fills[1] == (1, 1, 1, 1) and fills[0] != fills[2]
    assert figure.axes[1].get_ylabel() == "gradient norm"


@pytest.mark.parametrize("nodes, edges, values, message", [
    ([], [], None, "0 nodes; a drawing holds 1 to 400"),
    ([("a", "a"), ("a", "b")], [], None, r"\['a'\] occur more than once"),
    ([("a", "a", None, "box")], [], None, "kind 'box'; kinds are input, parameter"),
    ([("a", "a")], [("a", "b")], None, "names 'b'"),
    ([("a", "a")], [("a",)], None, "must be a pair"),
    ([("a", "a"), ("b", "b")], [("a", "b"), ("b", "a")], None, "form a cycle"),
    ([("a", "a")], [], {"b": 1.0}, r"values\['b'\]"),
    ([("a", "a")], [], {"a": np.nan}, "finite number")])
def test_graphs_that_cannot_be_drawn(nodes, edges, values, message):
    with pytest.raises(ValueError, match=message):
        figures.draw_graph(nodes, edges, values=values)
