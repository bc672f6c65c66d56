"""explain: the graph behind a loss, and an operation's gradient beside its code; what it says is what the engine does."""
import inspect
import subprocess
import sys

import numpy as np
import pytest

import tinygen as tg
from tinygen import figures, nn, optim
from tinygen.autograd import primitive, primitives, undefined

PUBLIC = {name: op for name, op in vars(tg).items() if inspect.isfunction(op) and op.__module__.startswith("tinygen.ops")}


def small_vae(seed=0):
    """The loss of a two-layer VAE, and all that it was made of by name."""
    tg.manual_seed(seed)
    encode, decode = (nn.Sequential(nn.Linear(a, 5), nn.ReLU(), nn.Linear(5, b)) for a, b in ((6, 4), (2, 6)))
    x, noise = tg.standard_normal((3, 6)) > 0, tg.standard_normal((3, 2))
    x = x.astype(np.float32)
    code = encode(tg.tensor(x))
    mu, logvar = code[:, :2], code[:, 2:]
    z = mu + tg.exp(0.5 * logvar) * noise
    loss = tg.bce_with_logits(decode(z), x).sum() + 0.5 * (mu * mu + tg.exp(logvar) - 1.0 - logvar).sum()
    return loss, dict(encode=encode, decode=decode, x=x, noise=noise, mu=mu, logvar=logvar, z=z)


# ---- a loss ----------------------------------------------------------------------------------------------------------------


def test_the_graph_of_a_vae(capsys):
    loss, parts = small_vae()
    explanation = tg.explain(loss, **parts)
    rows = {row.name: row for row in explanation.rows if row.name}
    assert {"encode.0.weight", "decode.2.bias", "x", "noise", "mu", "logvar", "z", "loss"} <= set(rows)
    assert rows["encode.0.weight"].kind == "parameter" and rows["encode.0.weight"].shape == (5, 6)
    assert (rows["x"].kind, rows["x"].gradient, rows["x"].operation) == ("input", None, "")
    assert rows["z"].text == "z = add" and rows["loss"].gradient == 1
    for name in ("encode", "decode"):
        for part, p in parts[name].named_parameters():
            assert rows[f"{name}.{part}"].gradient == pytest.approx(np.linalg.norm(tg.grad(loss, [p])[0].data), rel=1e-6)
    for row in explanation.rows:                        # inputs come before what is made of them
        assert all(int(given[1:]) < row.number for given in row.inputs if given.startswith("#"))
    assert sum(row.share for row in explanation.rows) == pytest.approx(1) and explanation.forward > 0 and explanation.backward > 0
    assert sum(count for count, _ in explanation.totals().values()) == sum(row.kind == "op" for row in explanation.rows)
    printed = capsys.readouterr().out
    assert str(explanation) in printed and "encode.0.weight" in printed and "z = add" in printed and "time by operation: " in printed
    assert "24 operations" not in repr(explanation) and repr(explanation).count("\n") == 0


def test_x_is_one_row_though_it_is_used_twice():
    loss, parts = small_vae()
    explanation = tg.explain(loss, **parts)
    x = next(row.number for row in explanation.rows if row.name == "x")
    assert {explanation.rows[user - 1].operation for given, user in explanation.edges if given == x} == {"linear", "bce_with_logits"}


def test_numbers_stand_among_the_inputs():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    explanation = tg.explain((1.0 - x * np.float32([3, 4])).sum())
    assert [(row.text, row.inputs) for row in explanation.rows] == [
        ("input", ()), ("constant", ()), ("multiply", ("#1", "#2")), ("subtract", ("1", "#3")), ("loss = sum", ("#4",))]
    texts = {text.get_text() for text in explanation.draw().axes[0].texts}
    assert {"subtract(1, ·)", "loss = sum", "multiply", "(2,)", "()"} <= texts


def test_the_drawing_is_coloured_by_gradient_or_by_time():
    loss, parts = small_vae()
    explanation = tg.explain(loss, **parts)
    assert explanation.draw(title="a VAE").axes[1].get_ylabel() == "log10 of the gradient's norm"
    drawn = explanation.draw("time")
    assert drawn.axes[1].get_ylabel() == "share of the time (%)"
    assert len(drawn.axes[0].texts) >= 2 * len(explanation.rows)
    with pytest.raises(ValueError, match='"gradient" and "time"'):
        explanation.draw("red")


def test_a_gradient_of_zero_is_not_coloured():
    x = tg.tensor([-1.0, -2.0], requires_grad=True)
    figures.save                                        # figures are there without being asked for
    explanation = tg.explain((tg.relu(x) * 2.0).sum())
    assert explanation.rows[0].gradient == 0
    assert explanation.draw() is not None


def test_explaining_changes_nothing():
    """Running statistics stay, the graph can still be used, and no recording switch is left behind."""
    tg.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    loss = (model(tg.tensor(tg.standard_normal((8, 3)))) ** 2).mean()
    before = model.state_dict()
    with tg.no_grad():
        tg.explain(loss, model=model)
    assert all(np.array_equal(before[name], value) for name, value in model.state_dict().items())
    optim.SGD(model.parameters(), 0.1).minimize(loss)


def test_a_graph_of_second_order_and_a_long_one(capsys):
    w = tg.tensor([2.0, -1.0], requires_grad=True)
    slope, = tg.grad((w ** 3).sum(), [w], create_graph=True)
    assert tg.explain((slope * slope).sum()).rows[-1].name == "loss"
    y = w
    for _ in range(300):
        y = y * 1.001
    explanation = tg.explain(y.sum())
    assert len(explanation.rows) == 302 and "and 222 more; .rows has them all" in capsys.readouterr().out


@pytest.mark.parametrize("make, error, message", [
    (lambda: tg.tensor(3.0), ValueError, "computed from nothing that requires a gradient"),
    (lambda: tg.tensor([1.0, 2.0], requires_grad=True) * 2.0, ValueError, r"shape \(2,\), not one element; reduce it first"),
    (lambda: nn.Linear(2, 2), TypeError, "of a module, explain a loss"),
    (lambda: 3, TypeError, "int is neither a loss")])
def test_what_cannot_be_explained(make, error, message):
    with pytest.raises(error, match=message):
        tg.explain(make())


def test_a_used_up_graph_and_wrong_names():
    loss, parts = small_vae()
    with pytest.raises(TypeError, match="a loss takes no inputs"):
        tg.explain(loss, parts["x"])
    with pytest.raises(TypeError, match="beta is a float; what is named is a Module, a Tensor or an array"):
        tg.explain(loss, beta=1.0)
    optim.SGD(parts["encode"].parameters(), 0.1).minimize(loss)
    with pytest.raises(RuntimeError, match="freed by backward"):
        tg.explain(loss)


# ---- an operation ------------------------------------------------------------------------------------------------------------


def test_tanh_shows_its_formula_its_code_and_a_check(capsys):
    explanation = tg.explain(tg.tanh)
    printed = capsys.readouterr().out
    assert explanation.formulas[0].gradients == ("dL/dx = g * (1.0 - y * y)",)
    assert "dL/dx = g * (1.0 - y * y)" in printed and "    return over_threads(xp(x).tanh, x)" in printed and "tinygen.ops.elementwise, line " in printed
    assert "where y = tanh(x), g = dL/dy" in printed and "second derivatives: formula and central differences agree" in printed
    assert len(explanation.derivatives) == 4 and explanation.error < 1e-8 and explanation.orders == {1: "agree", 2: "agree"}
    d = explanation.derivatives[0]
    g = np.random.default_rng(1).standard_normal(4)[0]
    assert d.by_formula == pytest.approx(g * (1 - np.tanh(d.value) ** 2)) and d.by_differences == pytest.approx(d.by_formula, rel=1e-7)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_operation_can_be_explained(name, capsys):
    explanation = tg.explain(PUBLIC[name])
    if name in ("argmax", "one_hot", "sign"):
        assert not explanation.orders and "no gradient flows" in capsys.readouterr().out.lower()
    else:
        assert explanation.orders == {1: "agree", 2: "agree"} and explanation.error < 1e-6
        assert all(line.startswith("dL/d") for formula in explanation.formulas for line in formula.gradients)


def test_composed_operations_list_their_parts(capsys):
    explanation = tg.explain(tg.var)
    assert [f.name for f in explanation.formulas] == ["mean", "subtract", "multiply", "sum"]
    assert "def var(" in capsys.readouterr().out


def test_formulas_in_every_form_of_declaration():
    assert tg.explain(tg.softmax).formulas[0].gradients == ("dL/dx = _softmax_vjp(g, y, x, axis)",)
    joint = tg.explain(tg.batch_norm).formulas[0]
    assert joint.gradients[0].startswith("dL/dx, dL/dw, dL/db = _batch_norm_vjp(") and "xhat = centred * r" in joint.code
    assert tg.explain(tg.concatenate).formulas[0].gradients[0].startswith("dL/dxs[i] = _part(i, g, y, xs")
    assert tg.explain(tg.where).formulas[0].gradients[0] == "dL/dmask = 0, locally constant"
    assert "each summed over the axes that were stretched" in tg.explain(tg.multiply).formulas[0].where


def test_inputs_of_ones_own(capsys):
    x = np.arange(12.0).reshape(1, 1, 3, 4)
    explanation = tg.explain(tg.conv2d, tg.tensor(x), np.ones((1, 1, 2, 2)), stride=2)
    assert {d.input for d in explanation.derivatives} == {"x", "w"} and len(explanation.derivatives) == 16
    assert [d.input for d in tg.explain(tg.embedding, np.array([0, 1]), np.ones((2, 3))).derivatives] == ["weight"] * 6
    assert tg.explain(tg.tanh, 0.5).derivatives[0].value == 0.5
    assert tg.explain(lambda x: x * x * x, np.array([2.0])).formulas[0].name == "multiply"
    with pytest.raises(TypeError, match="none of the inputs of tanh is a float"):
        tg.explain(tg.tanh, 3)


def test_a_wrong_and_an_undefined_gradient_are_named(capsys):
    try:
        @primitive(lambda g, y, x: g * 1.001)
        def slip(x):
            """x, with a slope that is wrong by 0.1 %."""
            return x.copy()

        @primitive(lambda g, y, x: once(g))
        def straight(x):
            """x, whose gradient cannot be differentiated."""
            return x.copy()

        @primitive(undefined("once is enough"))
        def once(x):
            """x."""
            return x.copy()

        wrong = tg.explain(slip)
        assert wrong.orders[1].startswith("do not agree: gradcheck: slip, order 1") and 2 not in wrong.orders
        assert wrong.error > 1e-4
        assert tg.explain(straight).orders == {1: "agree", 2: "cannot be compared: once is enough"}
        undone = tg.explain(once)
        assert undone.orders == {1: "cannot be compared: once is enough"}
        assert undone.formulas[0].gradients == ("dL/dx = undefined('once is enough')",)
    finally:
        for name in ("slip", "straight", "once"):
            primitives.pop(name, None)


def test_noise_is_drawn_the_same_at_every_call_and_taken_from_nobody():
    def noisy(x):
        return x * x + tg.standard_normal(x.shape, like=x)
    before = tg.backend.rng_state()
    assert tg.explain(noisy, np.array([1.0, 2.0])).orders[2] == "agree"
    assert tg.explain(tg.dropout).error < 1e-8
    assert tg.backend.rng_state() == before


def test_what_cannot_be_shown_on_an_example():
    with pytest.raises(TypeError, match=r"picky cannot be called on 1 vectors \(no\); give it inputs"):
        def picky(x):
            raise ValueError("no")
        tg.explain(picky)


def test_a_kink_is_called_one():
    explanation = tg.explain(tg.relu, np.array([0.0]))
    assert "relu has a kink at order 1" in explanation.orders[1] and explanation.derivatives[0].by_formula == 0


def test_an_operation_without_a_source(capsys):
    typed = {}
    try:
        exec("from tinygen.autograd import primitive\n@primitive(lambda g, y, x: g * 2.0)\ndef twice(x):\n    return x * 2.0", typed)
        explanation = tg.explain(typed["twice"])
        assert explanation.formulas[0].gradients == ("the source of its declaration cannot be read",) and explanation.orders[2] == "agree"
    finally:
        primitives.pop("twice", None)


# ---- the name ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [
    "import tinygen",
    "import tinygen, tinygen.explanation",
    "import tinygen.explanation.graph, tinygen",
    "from tinygen.explanation import explain; import tinygen",
    "from tinygen import explain; import tinygen",
    "import tinygen; tinygen.explanation; tinygen.explain; assert 'explain' in dir(tinygen)"])
def test_explain_is_the_function_whatever_was_imported_first(code):
    run = subprocess.run([sys.executable, "-c", f"{code}; tinygen.explain(tinygen.tanh); import sys; assert 'matplotlib' not in sys.modules"],
                         capture_output=True, text=True)
    assert run.returncode == 0 and "dL/dx = g * (1.0 - y * y)" in run.stdout, run.stderr
