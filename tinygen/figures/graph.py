"""A computation graph as a drawing: layers from inputs to the loss, few crossings, straight long edges.

The method is the classical one in four steps (Sugiyama, Tagawa, Toda 1981): layers by longest path; long edges cut into
dummy nodes, one a layer; the order in each layer by barycentres; places by a linear program under the order.
"""

import math
from typing import NamedTuple

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Ellipse, FancyBboxPatch, PathPatch, Rectangle
from matplotlib.path import Path
from scipy.optimize import linprog

from .style import INK, MAP, SMALL, TITLE, ink_on, new_figure

# What a node is shows in its outline as well as its colour: fill, and box style ("round", "square" or "ellipse").
KINDS = {"input": ("#dfe3ff", "ellipse"), "parameter": ("#fdeccb", "square"), "constant": ("#ececec", "square"),
         "op": ("#ffffff", "round"), "output": ("#f6d3c7", "ellipse")}

_HIGH, _GAP = 0.40, 0.24                 # inches: height of a node, from one layer to the next
_MOST = 400                              # nodes; with more, nobody can read the page
_APART = 0.16                            # inches between neighbours in a layer


class Node(NamedTuple):
    """One node: a unique id, a label (an op's name), a shape (a tuple, or None), and a kind out of KINDS."""
    id: object
    label: str
    shape: tuple | None = None
    kind: str = "op"


def draw_graph(nodes, edges, *, values=None, value_label="", title=None):
    """A layered drawing of a computation graph, inputs above, the loss below; legible to about 60 nodes.

    nodes: `Node`s or tuples (id, label, shape, kind); edges: pairs (id from, id to), from input to user. values =
    {id: number} colours the nodes it names, e.g. by gradient norm, with a colour bar called value_label. The page grows
    with the graph. Returns a Figure. Raises ValueError for ids that repeat or are unknown, unknown kinds, and cycles.
    """
    nodes = {node.id: node for node in _checked_nodes(nodes)}
    edges = _checked_edges(edges, nodes)
    values = _checked_values(values, nodes)
    layer = layers(nodes, edges)
    rows, chains = _with_dummies(nodes, edges, layer)
    _order(rows, chains)
    width = {id: _width(node) for id, node in nodes.items()}
    places = _place(rows, chains, width)

    left = min(places[id] - width[id] / 2 for id in nodes) - 0.25
    right = max(places[id] + width[id] / 2 for id in nodes) + 0.25
    pitch = _HIGH + _GAP
    high, head = len(rows) * pitch - _GAP + 0.3, 0.35 if title else 0.0
    bar = 0.9 if values else 0.0
    page = (max(right - left + bar, 0.105 * len(title or "")), high + head)
    figure = new_figure(*page, layout=None)
    ax = figure.add_axes((0.5 - (right - left + bar) / 2 / page[0], 0, (right - left) / page[0], high / page[1]))
    ax.set(xlim=(left, right), ylim=(-(high - 0.15), 0.15))
    ax.axis("off")
    for (source, target), chain in chains.items():
        _draw_edge(ax, [(places[id], -row * pitch - _HIGH / 2) for id, row in chain], edges.count((source, target)))
    norm = _norm(values)
    for id, node in nodes.items():
        _draw_node(ax, node, places[id], -layer[id] * pitch, width[id], norm, values.get(id))
    if values:
        bar_ax = figure.add_axes((1 - 0.75 / page[0], 0.25 / page[1], 0.12 / page[0], min(3.0, high - 0.5) / page[1]))
        bar = figure.colorbar(ScalarMappable(norm, MAP), cax=bar_ax)
        bar.set_label(value_label, fontsize=SMALL, color=INK)
        bar.outline.set_visible(False)
        bar_ax.tick_params(labelsize=SMALL - 1, color=INK, labelcolor=INK, length=2)
    if title:
        figure.text(0.5, 1 - 0.1 / page[1], title, fontsize=TITLE, color=INK, ha="center", va="top")
    return figure


def _checked_nodes(nodes):
    nodes = [Node(*node) for node in nodes]
    if not 0 < len(nodes) <= _MOST:
        raise ValueError(f"draw_graph: {len(nodes)} nodes; a drawing holds 1 to {_MOST}, draw the part that matters")
    ids = [node.id for node in nodes]
    twice = sorted({str(id) for id in ids if ids.count(id) > 1})
    if twice:
        raise ValueError(f"draw_graph: node ids {twice} occur more than once; ids must be unique")
    for node in nodes:
        if node.kind not in KINDS:
            raise ValueError(f"draw_graph: node {node.id!r} is of kind {node.kind!r}; kinds are {', '.join(KINDS)}")
    return nodes


def _checked_edges(edges, nodes):
    edges = [tuple(edge) for edge in edges]
    for edge in edges:
        if len(edge) != 2:
            raise ValueError(f"draw_graph: edge {edge!r} must be a pair (id from, id to)")
        unknown = [id for id in edge if id not in nodes]
        if unknown:
            raise ValueError(f"draw_graph: edge {edge!r} names {unknown[0]!r}, which is no node's id")
    return edges


def _checked_values(values, nodes):
    values = {} if values is None else {id: float(value) for id, value in values.items()}
    for id, value in values.items():
        if id not in nodes or not math.isfinite(value):
            raise ValueError(f"draw_graph: values[{id!r}] = {value} must be a finite number of a node that is there")
    return values


def layers(nodes, edges):
    """{id: layer}: the longest path from any source; then branches that only feed one place move down next to it."""
    users, inputs = {id: set() for id in nodes}, {id: set() for id in nodes}
    for source, target in edges:
        users[source].add(target)
        inputs[target].add(source)
    waiting = {id: len(inputs[id]) for id in nodes}
    walk = [id for id in nodes if not inputs[id]]
    layer = dict.fromkeys(nodes, 0)
    for id in walk:                                      # grows while it is walked: a topological order
        for user in users[id]:
            layer[user] = max(layer[user], layer[id] + 1)
            waiting[user] -= 1
            if waiting[user] == 0:
                walk.append(user)
    if len(walk) < len(nodes):
        stuck = next(id for id in nodes if waiting[id] > 0)
        raise ValueError(f"draw_graph: the edges form a cycle through {stuck!r}; a computation graph has none")
    loose = {}                                           # moving these down makes no edge longer: weights, their transposes
    for id in walk:
        loose[id] = all(loose[source] and len(users[source]) == 1 for source in inputs[id])
    for id in reversed(walk):
        if loose[id] and users[id]:
            layer[id] = min(layer[user] for user in users[id]) - 1
    return layer


def _with_dummies(nodes, edges, layer):
    """rows: the members of each layer, dummies included; chains: {edge: [(member, layer), ...]} from end to end."""
    rows = [[] for _ in range(max(layer.values()) + 1)]
    for id in nodes:
        rows[layer[id]].append(id)
    chains = {}
    for source, target in dict.fromkeys(edges):
        chain = [(source, layer[source])]
        for row in range(layer[source] + 1, layer[target]):
            dummy = ("dummy", source, target, row)
            rows[row].append(dummy)
            chain.append((dummy, row))
        chains[source, target] = [*chain, (target, layer[target])]
    return rows, chains


def _neighbours(chains):
    """(above, below): for every member, the members it is joined to in the next layer up and down."""
    above, below = {}, {}
    for chain in chains.values():
        for (upper, _), (lower, _) in zip(chain, chain[1:]):
            above.setdefault(lower, []).append(upper)
            below.setdefault(upper, []).append(lower)
    return above, below


def _order(rows, chains, sweeps=24):
    """Sort each row in place by the mean place of its neighbours, down and up in turns; the best order found stays."""
    above, below = _neighbours(chains)
    best, fewest = [list(row) for row in rows], _crossings(rows, below)
    for sweep in range(sweeps):
        joined, walk = (above, range(1, len(rows))) if sweep % 2 == 0 else (below, range(len(rows) - 2, -1, -1))
        for index in walk:
            beside = rows[index - 1 if sweep % 2 == 0 else index + 1]
            place = {member: (position + 0.5) / len(beside) for position, member in enumerate(beside)}
            own = {member: (position + 0.5) / len(rows[index]) for position, member in enumerate(rows[index])}
            rows[index].sort(key=lambda member: (
                np.mean([place[other] for other in joined[member]]) if member in joined else own[member]))
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    for row, order in zip(rows, best):
        row[:] = order


def _crossings(rows, below):
    """How many pairs of edges between neighbouring rows cross."""
    total = 0
    for upper, lower in zip(rows, rows[1:]):
        place = {member: index for index, member in enumerate(lower)}
        ends = [place[end] for member in upper for end in sorted(below.get(member, []), key=place.get)]
        total += sum(later < earlier for i, earlier in enumerate(ends) for later in ends[i + 1:])
    return total


def _place(rows, chains, width):
    """{member: x in inches} that makes the edges as upright as the order and the widths allow: a linear program.

    min sum_e weight_e |x_from - x_to| under x[i+1] - x[i] >= the room both need (Gansner et al. 1993, section 4.2, whose
    weights these are): absolute values, unlike squares, leave most edges exactly straight, long ones first.
    """
    members = [member for row in rows for member in row]
    index = {member: i for i, member in enumerate(members)}
    pairs = [(a, b) for chain in chains.values() for (a, _), (b, _) in zip(chain, chain[1:])]
    weight = [(1, 2, 8)[(a not in width) + (b not in width)] for a, b in pairs]
    beside = [(a, b) for row in rows for a, b in zip(row, row[1:])]
    # Unknowns: the places, then one bound per edge. Rows of A u <= c: both signs of every edge, then the neighbours.
    count, bounds = len(members), len(pairs)
    matrix, limit = np.zeros((2 * bounds + len(beside), count + bounds)), np.zeros(2 * bounds + len(beside))
    for k, (a, b) in enumerate(pairs):
        for row, sign in ((2 * k, 1), (2 * k + 1, -1)):
            matrix[row, index[a]], matrix[row, index[b]], matrix[row, count + k] = sign, -sign, -1
    for k, (a, b) in enumerate(beside, start=2 * bounds):
        matrix[k, index[a]], matrix[k, index[b]] = 1, -1
        limit[k] = -(width.get(a, 0.04) + width.get(b, 0.04)) / 2 - _APART
    cost = np.concatenate([np.zeros(count), weight])
    found = linprog(cost, A_ub=matrix, b_ub=limit, bounds=(0, None), method="highs")
    return dict(zip(members, found.x[:count]))


def _text(node):
    shape = "" if node.shape is None else str(tuple(int(size) for size in node.shape))
    return str(node.label), shape


def _width(node):
    label, shape = _text(node)
    return max(0.6, 0.078 * len(label) + 0.2, 0.066 * len(shape) + 0.2)


def _norm(values):
    low, high = (min(values.values()), max(values.values())) if values else (0.0, 1.0)
    return Normalize(low, high if high > low else low + 1)


def _draw_node(ax, node, x, top, width, norm, value):
    fill, outline = KINDS[node.kind]
    ink = INK
    if value is not None:
        fill = ScalarMappable(norm, MAP).to_rgba(value)
        ink = ink_on(fill)
    style = {"facecolor": fill, "edgecolor": INK, "linewidth": 0.9, "zorder": 3}
    if outline == "ellipse":
        ax.add_patch(Ellipse((x, top - _HIGH / 2), width * 1.12, _HIGH * 1.1, **style))
    elif outline == "square":
        ax.add_patch(Rectangle((x - width / 2, top - _HIGH), width, _HIGH, **style))
    else:
        ax.add_patch(FancyBboxPatch((x - width / 2, top - _HIGH), width, _HIGH, boxstyle="round,pad=0,rounding_size=0.1",
                                    **style))
    label, shape = _text(node)
    middle = top - _HIGH / 2
    ax.text(x, middle + (0.075 if shape else 0), label, ha="center", va="center", fontsize=SMALL, color=ink, zorder=4)
    if shape:
        ax.text(x, middle - 0.085, shape, ha="center", va="center", fontsize=SMALL - 1.5, color=ink, zorder=4)


def _draw_edge(ax, points, times):
    """A smooth line through the middles of its chain that leaves and enters upright, with a small arrow head.

    Between two layers it bends only in the gap, so it passes the nodes of the layers it crosses straight. An edge drawn
    `times` times (b = a + a) says so.
    """
    half = _HIGH / 2
    path, codes = [(points[0][0], points[0][1] - half)], [Path.MOVETO]
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        start, end = (x0, y0 - half), (x1, y1 + half)
        bend = (start[1] - end[1]) / 2
        path += [start, (start[0], start[1] - bend), (end[0], end[1] + bend), end]
        codes += [Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    ax.add_patch(PathPatch(Path(path, codes), facecolor="none", edgecolor="#6b6b6b", linewidth=0.9, zorder=1))
    x, y = path[-1]
    ax.add_patch(PathPatch(Path([(x, y), (x - 0.035, y + 0.075), (x + 0.035, y + 0.075), (x, y)], closed=True),
                           facecolor="#6b6b6b", edgecolor="none", zorder=2))
    if times > 1:
        ax.text(x + 0.06, y + 0.03, f"{times} times", fontsize=SMALL - 1.5, color=INK, ha="left", va="bottom", zorder=4)
