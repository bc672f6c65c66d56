"""Who may import whom: downwards only, heavy packages in one place each, and `import tinygen` quick and light."""
import ast
import os
import pathlib
import subprocess
import sys

import pytest

import tinygen

PACKAGE = pathlib.Path(tinygen.__file__).parent
DEMOS = pathlib.Path(__file__).parent.parent / "demos"

LEVELS = [{"files", "progress"}, {"backend"}, {"diagnosis"}, {"kernels"}, {"autograd"}, {"ops"},
          {"checking", "distributions", "divergences", "nn"}, {"optim", "losses", "testing"}, {"models"}, {"geometry", "metrics", "explain", "explanation"}, {"training"}]
BESIDE = {"data", "figures"}                       # not above or below the rest: they import only the bottom of the house
BOTTOM = {"files", "progress", "backend"}
LEVEL = {name: i for i, names in enumerate(LEVELS) for name in names}
ONLY_IN = {"matplotlib": {"figures"}, "hypothesis": {"testing"}, "cupy": {"backend"},
           "scipy": {"divergences", "figures", "geometry", "metrics"}}


def sources():
    """(part of the package, path) of every file but the package's own __init__."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts != ("__init__",):
            yield parts[0], path


def imported(path):
    """Every module that a file imports anywhere in it, in full: "numpy", "tinygen.ops.shaping"."""
    package = ("tinygen", *path.relative_to(PACKAGE).parts[:-1]) if PACKAGE in path.parents else ()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[:len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield from (f"{module}.{alias.name}" for alias in node.names) if module == "tinygen" else [module]


@pytest.mark.parametrize("part, path", list(sources()), ids=lambda v: v.name if isinstance(v, pathlib.Path) else v)
def test_imports_go_downwards_only(part, path):
    assert part in LEVEL or part in BESIDE, f"{part} has no place in the order of the house"
    for module in imported(path):
        if module.split(".")[0] != "tinygen" or module.split(".")[1:2] == [part]:
            continue
        other = (module + ".").split(".")[1]
        if part in BESIDE:
            assert other in BOTTOM, f"{part} imports {other}"
        elif other in BESIDE:
            assert LEVEL[part] >= LEVEL["models"], f"{part} imports {other}"
        else:
            # What is not a part, is a name of the package itself, which knows everything below training.
            assert LEVEL.get(other, LEVEL["explain"]) < LEVEL[part], f"{part} imports {other}"


@pytest.mark.parametrize("part, path", list(sources()), ids=lambda v: v.name if isinstance(v, pathlib.Path) else v)
def test_other_packages_are_few_and_each_in_its_place(part, path):
    for module in imported(path):
        top = module.split(".")[0]
        if top not in sys.stdlib_module_names and top not in ("tinygen", "numpy"):
            assert part in ONLY_IN.get(top, ()), f"{part} imports {top}"


@pytest.mark.skipif(not DEMOS.is_dir(), reason="the demos are not beside the tests")
def test_demos_draw_through_tinygen():
    for path in DEMOS.rglob("*.py"):
        assert not {"matplotlib", "hypothesis"} & {m.split(".")[0] for m in imported(path)}, path.name


# ---- a fresh interpreter ---------------------------------------------------------------------------------------------


def fresh(code, **environment):
    """What a fresh interpreter prints."""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), **environment}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_import_tinygen_loads_only_numpy():
    loaded = fresh("import sys, tinygen; print(' '.join(sys.modules))").split()
    assert not {name.split(".")[0] for name in loaded} & {"scipy", "matplotlib", "hypothesis", "cupy", "PIL", "pytest"}


def test_import_tinygen_is_quick():
    code = "import time; start = time.process_time(); import tinygen; print(time.process_time() - start)"
    seconds = min(float(fresh(code)) for _ in range(5))
    assert seconds < 0.3


def test_the_other_parts_load_when_they_are_first_asked_for():
    parts = ["data", "distributions", "divergences", "losses", "metrics", "models", "training", "testing", "figures"]
    assert fresh(f"import tinygen as tg\nfor part in {parts}: print(getattr(tg, part).__name__)").split() == [f"tinygen.{p}" for p in parts]


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'tinygen' has no attribute 'nonsense'"):
        tinygen.nonsense
    assert {"metrics", "conv2d", "nn"} <= set(dir(tinygen))


# ---- public names ----------------------------------------------------------------------------------------------------


def test_public_names():
    names = """tensor Tensor grad no_grad manual_seed set_threads gradcheck detect_nonfinite
        exp log log1p sqrt abs tanh sigmoid relu leaky_relu elu softplus maximum minimum clip where sum mean var max min logsumexp
        softmax log_softmax matmul reshape transpose flatten concatenate stack pad broadcast_to take embedding
        conv2d conv_transpose2d max_pool2d avg_pool2d upsample batch_norm layer_norm dropout
        nn.Module nn.Parameter nn.Sequential nn.Linear nn.Conv2d nn.ConvTranspose2d nn.BatchNorm1d nn.BatchNorm2d nn.LayerNorm nn.MaxPool2d
        nn.AvgPool2d nn.Upsample nn.Embedding nn.Dropout nn.Flatten nn.Unflatten nn.ReLU nn.LeakyReLU nn.ELU nn.Tanh nn.Sigmoid nn.Softplus
        optim.SGD optim.RMSprop optim.Adam optim.AdamW optim.clip_grad_norm"""
    for name in names.split():
        owner = tinygen
        for part in name.split("."):
            owner = getattr(owner, part)
        assert owner.__doc__, f"{name} has no docstring"
    for name in "data grad shape dtype device numpy item detach backward to".split():
        assert hasattr(tinygen.Tensor, name) or name == "data"


def test_every_public_name_is_documented():
    for owner in (tinygen, tinygen.nn, tinygen.optim, tinygen.testing):
        for name, value in vars(owner).items():
            if callable(value) and not name.startswith("_") and getattr(value, "__module__", "").startswith("tinygen"):
                assert value.__doc__, f"{owner.__name__}.{name} has no docstring"
