"""Inversion, paths, Jacobians and the losses that shape them, against closed forms; and what they refuse."""
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygen as tg
from tinygen import geometry as geo
from tinygen import nn
from tinygen.geometry.paths import sine_waves


def rng():
    return np.random.default_rng(0)


def linear_generator(weight):
    return lambda z: tg.linear(z, weight)


def small_network(*sizes, dtype=np.float64):
    layers = [layer for pair in zip(sizes[:-1], sizes[1:]) for layer in (nn.Linear(*pair), nn.Tanh())]
    return nn.Sequential(*layers[:-1]).to(dtype)


def convolutional_network(dtype=np.float64):
    """z (N, 3) -> (N, 2, 6, 6), with batch norm, whose running statistics are not those it starts with."""
    network = nn.Sequential(nn.Linear(3, 36), nn.Unflatten(4, 3, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.ConvTranspose2d(4, 2, 4, 2, 1)).to(dtype)
    network(tg.tensor(rng().standard_normal((20, 3)).astype(dtype)))
    return network


def polar(z):
    """(radius, angle) -> (x, y): it stretches by 1 and by the radius."""
    return tg.stack([z[:, 0] * tg.cos(z[:, 1]), z[:, 0] * tg.sin(z[:, 1])], axis=1)


def weights_of(network):
    return {name: value.copy() for name, value in network.state_dict().items()}


# ---- inversion ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method, steps, lr, within", [("lbfgs", 200, None, 1e-6), ("adam", 1500, 0.5, 1e-4)])
def test_a_linear_generator_gives_the_pseudo_inverse_from_every_start(method, steps, lr, within):
    weight, x = rng().standard_normal((30, 4)), rng().standard_normal((3, 30))
    found = geo.invert(linear_generator(weight), x, rng().standard_normal((10, 4)) * 5, method=method, steps=steps, lr=lr)
    expected = x @ np.linalg.pinv(weight).T
    assert found.z.shape == (3, 10, 4)
    np.testing.assert_allclose(found.z, np.broadcast_to(expected[:, None], found.z.shape), atol=within)
    np.testing.assert_allclose(found.loss, np.tile(((expected @ weight.T - x) ** 2).sum(axis=1)[:, None], 10), atol=within)


def test_the_prior_is_a_ridge():
    weight, x, prior = rng().standard_normal((30, 4)), rng().standard_normal((1, 30)), 7.0
    found = geo.invert(linear_generator(weight), x, rng().standard_normal((2, 4)), method="lbfgs", prior=prior)
    expected = np.linalg.solve(weight.T @ weight + prior / 2 * np.eye(4), weight.T @ x[0])
    np.testing.assert_allclose(found.z[0], [expected] * 2, atol=1e-6)
    assert found.loss[0, 0] == pytest.approx(((weight @ expected - x[0]) ** 2).sum(), rel=1e-6)


def test_different_starts_find_different_codes_and_best_is_the_closest():
    fold = lambda z: tg.concatenate([z * z, z * 0.1], axis=1)            # z and -z make nearly the same image
    found = geo.invert(fold, np.array([[1.0, 0.1]]), np.array([[2.0], [-2.0]]), method="lbfgs")
    assert found.z[0, 0, 0] == pytest.approx(1, abs=1e-6) and found.z[0, 1, 0] == pytest.approx(-1, abs=0.01)
    assert found.loss[0, 0] == pytest.approx(0, abs=1e-12) and found.loss[0, 1] > 0.03
    np.testing.assert_array_equal(found.best, found.z[:, 0])


def test_the_trajectory_goes_from_the_start_to_the_end():
    generator, starts = small_network(2, 8, 5), rng().standard_normal((4, 2))
    x = generator(tg.tensor(rng().standard_normal((3, 2)))).numpy()
    found = geo.invert(generator, x, starts, steps=20)
    assert found.codes.shape == (21, 3, 4, 2) and found.objective.shape == (21, 3, 4)
    np.testing.assert_array_equal(found.codes[0], np.broadcast_to(starts, (3, 4, 2)))
    np.testing.assert_array_equal(found.loss, found.objective.min(axis=0))
    moved = geo.invert(generator, x, found.z, steps=0)                  # (B, S, D): starts of its own for each image
    np.testing.assert_allclose(moved.loss, found.loss, rtol=1e-12)


def test_adam_runs_as_if_each_start_were_alone():
    generator, starts, x = small_network(2, 8, 5), rng().standard_normal((3, 2)), rng().standard_normal((2, 5))
    together = geo.invert(generator, x, starts, steps=15)
    alone = geo.invert(generator, x[1:], starts[2:], steps=15)
    np.testing.assert_allclose(together.codes[:, 1:, 2:], alone.codes, rtol=1e-10, atol=1e-12)


def test_stochastic_clipping_draws_what_leaves_the_box_anew():
    weight = np.eye(3)
    found = geo.invert(linear_generator(weight), np.array([[5.0, 0.2, -5.0]]), np.zeros((6, 3)), steps=200, lr=0.3, clip=1.0)
    assert abs(found.codes).max() <= 1
    assert len(np.unique(found.codes[-1, 0, :, 0])) == 6                # drawn anew, not put on the edge
    np.testing.assert_allclose(found.codes[-1, 0, :, 1], 0.2, atol=0.01)
    tg.manual_seed(0)
    again = geo.invert(linear_generator(weight), np.array([[5.0, 0.2, -5.0]]), np.zeros((6, 3)), steps=200, lr=0.3, clip=1.0)
    np.testing.assert_array_equal(found.z, again.z)


def test_the_generator_stays_as_it_was():
    generator = convolutional_network(np.float32)
    before, x = weights_of(generator), rng().standard_normal((2, 2, 6, 6)).astype(np.float32)
    found = geo.invert(generator, x, rng().standard_normal((3, 3)).astype(np.float32), steps=5)
    assert found.z.dtype == np.float32 and generator.training and generator[2].training
    for name, value in weights_of(generator).items():
        np.testing.assert_array_equal(value, before[name])
    alone = geo.invert(generator, x[:1], rng().standard_normal((3, 3)).astype(np.float32)[:1], steps=5)
    np.testing.assert_allclose(found.z[:1, :1], alone.z, atol=1e-5)     # batch norm in eval mode ties no code to another


def test_no_grad_around_it_changes_nothing():
    weight, x = rng().standard_normal((6, 2)), rng().standard_normal((1, 6))
    with tg.no_grad():
        found = geo.invert(linear_generator(weight), x, np.zeros((1, 2)), method="lbfgs")
        product = geo.jvp(linear_generator(weight), np.zeros((1, 2)), np.ones((1, 2)))
    np.testing.assert_allclose(found.best, x @ np.linalg.pinv(weight).T, atol=1e-6)
    np.testing.assert_allclose(product.numpy(), weight.sum(axis=1)[None])


# ---- paths -------------------------------------------------------------------------------------------------------------------

ENDS = np.array([[-1.0]]), np.array([[1.0]])


def identity(z):
    return z


@pytest.mark.parametrize("method", ["lbfgs", "adam"])
def test_the_identity_from_minus_one_to_one(method):
    path = geo.shortest_path(lambda nodes: geo.path_energy(identity, nodes, *ENDS), *ENDS, segments=64, starts=("straight",), method=method, steps=200)
    assert path.energy[0] == pytest.approx((2 + math.sqrt(2) * math.asinh(1)) ** 2, abs=1e-3) == 10.53944
    assert path.before["straight"][0] == pytest.approx(32 / 3, abs=1e-3) and path.after["straight"][0] == path.energy[0]
    for nodes in (path.nodes, geo.straight(*ENDS, 64)):                  # a length does not depend on the speed
        assert geo.path_energy(identity, nodes, *ENDS, squared=False).item() == pytest.approx(16 / 3, abs=1e-3)
    speed = geo.path_speed(identity, path.nodes, *ENDS).numpy()
    np.testing.assert_allclose(speed, np.full((1, 64), math.sqrt(path.energy[0])), rtol=1e-3)
    np.testing.assert_array_equal(path.nodes[:, [0, -1]], [[[-1.0], [1.0]]])


def test_many_pairs_at_once_as_one_by_one():
    generator = small_network(2, 8, 5)
    z_a, z_b = rng().standard_normal((2, 4, 2))
    x_a, x_b = (generator(tg.tensor(z)).numpy() for z in (z_a, z_b))
    find = lambda *p: geo.shortest_path(lambda nodes: geo.path_energy(generator, nodes, p[2], p[3]), p[0], p[1], segments=16)
    together = find(z_a, z_b, x_a, x_b)
    alone = [find(*(part[i:i + 1] for part in (z_a, z_b, x_a, x_b))) for i in range(4)]
    np.testing.assert_allclose(together.energy, [path.energy[0] for path in alone], rtol=1e-6)
    assert all((together.energy <= together.before[name] + 1e-12).all() for name in ("straight", "spherical"))
    np.testing.assert_array_equal(together.energy, np.minimum(*together.after.values()))
    np.testing.assert_allclose(geo.path_energy(generator, together.nodes, x_a, x_b).numpy(), together.energy, rtol=1e-10)
    speed = geo.path_speed(generator, together.nodes, x_a, x_b).numpy()
    assert (speed.std(axis=1) < 0.02 * speed.mean(axis=1)).all()


def test_the_pull_back_geodesic_in_polar_coordinates_is_a_chord():
    z_a, z_b = np.array([[1.0, 0.0]]), np.array([[1.0, 1.5]])
    path = geo.shortest_path(lambda nodes: geo.pull_back_energy(polar, nodes), z_a, z_b, segments=32, starts=("straight",), steps=300)
    assert path.before["straight"][0] == pytest.approx(1.5 ** 2, rel=1e-3)                          # along the arc
    assert path.energy[0] == pytest.approx((2 * math.sin(0.75)) ** 2, rel=1e-6)
    np.testing.assert_allclose(geo.pull_back_speed(polar, path.nodes).numpy(), 2 * math.sin(0.75), rtol=1e-4)
    points = polar(tg.tensor(path.nodes[0])).numpy()
    chord = points[0] + np.linspace(0, 1, 33)[:, None] * (points[-1] - points[0])
    np.testing.assert_allclose(points, chord, atol=1e-4)


def test_relative_energy_of_a_fade_and_its_floor():
    weight = rng().standard_normal((20, 3))
    z_a, z_b = rng().standard_normal((2, 5, 3))
    x_a, x_b = z_a @ weight.T, z_b @ weight.T
    path = geo.shortest_path(lambda nodes: geo.path_energy(linear_generator(weight), nodes, x_a, x_b), z_a, z_b, segments=64)
    relative = geo.relative_energy(path.energy, z_a, z_b, x_a, x_b)
    fade = (1 + math.asinh(1) / math.sqrt(2)) ** 2 / 4
    assert (relative > 0.5).all() and (relative < fade + 1e-3).all() and fade == pytest.approx(0.6587, abs=1e-4)
    mean = lambda z: (tg.tensor(x_a) + x_b)[:1] * 0.5 + tg.tensor(np.zeros((z.shape[0], 1)))          # the pixel mean everywhere
    floor = geo.path_energy(mean, geo.straight(z_a[:1], z_b[:1]), x_a[:1], x_b[:1]).numpy()
    assert geo.relative_energy(floor, z_a[:1], z_b[:1], x_a[:1], x_b[:1])[0] == pytest.approx(0.5, rel=1e-9)


def test_energies_by_hand():
    nodes = np.array([[[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]]])
    x_a, x_b = np.array([[0.0, 0.0]]), np.array([[1.0, 2.0]])
    rho = [0.25 + (0.25 + 4), 1 + 1 + 1]                                 # at (1/2, 0) and (1, 1)
    assert geo.path_energy(identity, nodes, x_a, x_b).item() == pytest.approx(2 * (rho[0] * 1 + rho[1] * 4))
    assert geo.path_energy(identity, nodes, x_a, x_b, squared=False).item() == pytest.approx(rho[0] * 1 + rho[1] * 2)
    np.testing.assert_allclose(geo.path_speed(identity, nodes, x_a, x_b).numpy(), [[2 * math.sqrt(rho[0]), 4 * math.sqrt(rho[1])]])
    assert geo.pull_back_energy(identity, nodes).item() == pytest.approx(2 * (1 + 4))
    tg.gradcheck(lambda nodes: geo.path_energy(polar, nodes, x_a, x_b, squared=False), [nodes + 0.1])


def test_straight_and_spherical():
    z_a, z_b = np.array([[3.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 3.0], [2.0, 2.0]])
    np.testing.assert_allclose(geo.straight(z_a, z_b, 2)[0], [[3, 0], [1.5, 1.5], [0, 3]])
    curve = geo.spherical(z_a, z_b, 8)
    t = np.linspace(0, math.pi / 2, 9)
    np.testing.assert_allclose(curve[0], 3 * np.stack([np.cos(t), np.sin(t)], axis=1), atol=1e-12)
    np.testing.assert_allclose(curve[1], geo.straight(z_a, z_b, 8)[1])  # parallel codes are joined straight
    assert geo.spherical(z_a.astype(np.float32), z_b.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("segments", [2, 3, 32])
def test_sine_waves_make_the_square_of_the_step_a_sum_of_squares(segments):
    waves = sine_waves(segments)
    assert waves.shape == (segments + 1, segments - 1)
    np.testing.assert_allclose(waves[[0, -1]], 0, atol=1e-12)
    steps = np.diff(waves, axis=0)
    np.testing.assert_allclose(segments * steps.T @ steps, np.eye(segments - 1), atol=1e-12)


def test_paths_see_a_generator_in_eval_mode():
    generator = convolutional_network()
    nodes = geo.straight(*rng().standard_normal((2, 3, 3)), 4)
    x_a, x_b = rng().standard_normal((2, 3, 2, 6, 6))
    together = geo.path_energy(generator, nodes, x_a, x_b).numpy()
    alone = [geo.path_energy(generator, nodes[i:i + 1], x_a[i:i + 1], x_b[i:i + 1]).item() for i in range(3)]
    np.testing.assert_allclose(together, alone)
    assert generator.training


# ---- Jacobians -----------------------------------------------------------------------------------------------------------------


def test_the_jacobian_of_a_network_by_hand():
    network, z = small_network(3, 8, 5), rng().standard_normal((6, 3))
    first, second = network[0].weight.data, network[2].weight.data
    slope = 1 - np.tanh(z @ first.T + network[0].bias.data) ** 2
    expected = np.einsum("ok,nk,kd->nod", second, slope, first)
    np.testing.assert_allclose(geo.jacobian(network, z), expected, atol=1e-12)
    np.testing.assert_allclose(geo.jacobian(network, z, batch=4), expected, atol=1e-12)
    np.testing.assert_allclose(geo.jacobian(lambda z: network(z)[:, :2], z), expected[:, :2], atol=1e-12)         # fewer outputs than codes
    np.testing.assert_allclose(geo.singular_values(network, z), np.linalg.svd(expected, compute_uv=False), atol=1e-12)


def test_the_jacobian_of_a_convolutional_network_against_differences():
    network, z, step = convolutional_network(), rng().standard_normal((4, 3)), 1e-6
    found = geo.jacobian(network, z)
    assert found.shape == (4, 2, 6, 6, 3)
    with nn.eval_mode(network):
        for i, unit in enumerate(np.eye(3)):
            difference = (network(tg.tensor(z + step * unit)).numpy() - network(tg.tensor(z - step * unit)).numpy()) / (2 * step)
            np.testing.assert_allclose(found[..., i], difference, atol=1e-8)


def test_polar_coordinates_magnify_by_the_radius():
    z = np.array([[0.5, 0.3], [2.0, -1.0], [0.0, 1.0]])
    np.testing.assert_allclose(geo.singular_values(polar, z), [[1, 0.5], [2, 1], [1, 0]], atol=1e-12)
    np.testing.assert_allclose(geo.magnification(polar, z), [0.5, 2, 0], atol=1e-12)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 6), st.integers(0, 99))
def test_jvp_and_vjp_are_adjoint(count, dimension, size, seed):
    draw = np.random.default_rng(seed).standard_normal
    network, z, u, v = small_network(dimension, 5, size), draw((count, dimension)), draw((count, dimension)), draw((count, size))
    pushed, pulled = geo.jvp(network, z, u).numpy(), geo.vjp(network, z, v).numpy()
    np.testing.assert_allclose((v * pushed).sum(axis=1), (pulled * u).sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(pushed, np.einsum("nod,nd->no", geo.jacobian(network, z), u), atol=1e-12)


def test_products_with_the_jacobian_can_be_differentiated():
    z, u, v = rng().standard_normal((3, 2, 2))
    tg.gradcheck(lambda z: geo.jvp(polar, z, u, create_graph=True), [z], order=1)
    tg.gradcheck(lambda z: geo.vjp(polar, z, v, create_graph=True), [z], order=1)


def test_a_generator_that_ignores_its_code_has_no_slope():
    constant = lambda z: tg.tensor(np.ones((2, 3))) + tg.tensor(np.zeros((2, 1)))
    np.testing.assert_array_equal(geo.jvp(constant, np.ones((2, 2)), np.ones((2, 2))).numpy(), np.zeros((2, 3)))
    np.testing.assert_array_equal(geo.jacobian(constant, np.ones((2, 2))), np.zeros((2, 3, 2)))


# ---- losses --------------------------------------------------------------------------------------------------------------------


def test_path_length_penalty_of_a_linear_generator():
    weight, z, noise = rng().standard_normal((7, 3)), rng().standard_normal((5, 3)), rng().standard_normal((5, 7))
    lengths = np.linalg.norm(noise @ weight, axis=1)
    penalty, mean = geo.path_length_penalty(linear_generator(weight), z, target=2.0, noise=noise)
    assert penalty.item() == pytest.approx(((lengths - 2) ** 2).mean()) and mean.item() == pytest.approx(lengths.mean())
    many = np.zeros((20_000, 3))
    estimate, _ = geo.path_length_penalty(linear_generator(weight), many)
    assert estimate.item() == pytest.approx((weight ** 2).sum(), rel=0.03)                           # E ||W'y||^2 = ||W||_F^2


def test_path_length_penalty_reaches_the_weights():
    z, noise = rng().standard_normal((2, 4, 3))
    noise = rng().standard_normal((4, 5))
    weights = [rng().standard_normal((6, 3)), rng().standard_normal((5, 6))]
    tg.gradcheck(lambda a, b: geo.path_length_penalty(lambda z: tg.linear(tg.tanh(tg.linear(z, a)), b), z, target=0.5, noise=noise)[0], weights, order=1)
    constant = lambda z: tg.tensor(np.ones((4, 5))) + tg.tensor(np.zeros((4, 1)))
    assert geo.path_length_penalty(constant, z)[0].item() == pytest.approx(0, abs=1e-10)


def bent(theta):
    """A generator of one weight."""
    return lambda z: tg.concatenate([z * theta, tg.tanh(z * 2.0) * (theta * theta)], axis=1)


def test_the_gradient_of_the_shortest_path_is_the_gradient_at_the_shortest_path():
    z_a, z_b, theta, step = np.array([[-1.0]]), np.array([[1.2]]), 0.7, 1e-4

    def best(theta):
        x_a, x_b = (bent(theta)(tg.tensor(z)).numpy() for z in (z_a, z_b))
        path = geo.shortest_path(lambda nodes: geo.path_energy(bent(theta), nodes, x_a, x_b), z_a, z_b, segments=32, starts=("straight",))
        return path, geo.relative_energy(path.energy, z_a, z_b, x_a, x_b)[0]

    weight = tg.tensor(np.array(theta), requires_grad=True)
    path, value = best(theta)
    loss = geo.short_path_loss(bent(weight), path.nodes)
    assert loss.item() == pytest.approx(value, rel=1e-10)
    slope, = tg.grad(loss, [weight])
    assert slope.item() == pytest.approx((best(theta + step)[1] - best(theta - step)[1]) / (2 * step), rel=1e-4)
    assert geo.short_path_loss(bent(theta), geo.straight(z_a, z_b)).item() > value


# ---- many minimisations at once ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method, lr", [("lbfgs", None), ("adam", 0.3)])
def test_functions_of_very_different_scales_all_reach_their_minimum(method, lr):
    scales, middles = np.array([1e-3, 1.0, 1e4]), np.array([[1.0, 2], [-3, 0], [0.5, 0.5]])
    found = geo.descend(lambda z: ((z - middles) ** 2).sum(axis=1) * scales, np.zeros((3, 2)), method=method, steps=400, lr=lr)
    np.testing.assert_allclose(found.point, middles, atol=1e-3)
    assert found.points.shape == (len(found.values), 3, 2) and found.values[0] == pytest.approx((middles ** 2).sum(axis=1) * scales)
    np.testing.assert_array_equal(found.value, found.values.min(axis=0))


def test_lbfgs_moves_all_functions_when_one_starts_at_its_minimum_or_at_infinity():
    weight = np.array([[1.0], [30.0], [3.0]]) * np.ones((3, 20))
    objective = lambda z: ((tg.tanh(z) - 0.5) ** 2 * weight + tg.where(z > 50.0, np.inf, 0.0)).sum(axis=1)
    start = rng().standard_normal((3, 20))
    start[0] = np.arctanh(0.5) + 1e-6
    assert (geo.descend(objective, start, method="lbfgs", steps=100).value < 1e-8).all()
    start[0] = 60.0
    assert (geo.descend(objective, start, method="lbfgs", steps=100).value[1:] < 1e-8).all()
    with pytest.raises(ValueError, match=r"descend: start \(3, 20\) holds NaN"):
        geo.descend(objective, start * np.nan, method="lbfgs")


def test_a_value_that_is_no_number_is_never_the_best():
    with np.errstate(invalid="ignore"):
        found = geo.descend(lambda z: tg.log(z).sum(axis=1), np.array([[1.0]]), steps=30, lr=0.2)     # it runs below zero
    assert np.isfinite(found.value).all() and not np.isfinite(found.values).all()


# ---- refusals ------------------------------------------------------------------------------------------------------------------------

Z, X = np.zeros((2, 3)), np.zeros((2, 5))
WEIGHT = np.ones((5, 3))
G = linear_generator(WEIGHT)
BAD = [
    (lambda: geo.invert(G, X, [[0.0]]), TypeError, r"invert: starts is a list"),
    (lambda: geo.invert(G, X.astype(np.uint8), Z), TypeError, r"images are uint8, starts float64"),
    (lambda: geo.invert(G, X, Z.astype(int)), TypeError, r"codes are floats"),
    (lambda: geo.invert(G, X, Z[0]), ValueError, r"starts \(3,\) must be \(S, D\)"),
    (lambda: geo.invert(G, X, np.zeros((3, 4, 3))), ValueError, r"starts \(3, 4, 3\) \(B, S, D\) are for 3 images, there are 2"),
    (lambda: geo.invert(G, X[:, :4], Z), ValueError, r"makes \(5,\) of a code, the images \(B, ...\) are \(2, 4\)"),
    (lambda: geo.invert(G, X, Z, clip=0.0), ValueError, r"clip = 0.0 must be positive"),
    (lambda: geo.invert(G, X, Z, prior=-1.0), ValueError, r"prior = -1.0"),
    (lambda: geo.invert(G, X, Z, method="newton"), ValueError, r"method 'newton' is none of adam, lbfgs"),
    (lambda: geo.invert(G, X, Z, method="lbfgs", clip=1.0), ValueError, r"use adam"),
    (lambda: geo.invert(G, X, Z, steps=-1), ValueError, r"steps = -1"),
    (lambda: geo.invert(lambda z: z.sum(), X, Z), ValueError, r"returned \(\) for codes \(4, 3\)"),
    (lambda: geo.descend(lambda z: z.sum(), Z), ValueError, r"the objective returned \(\) for variables \(2, 3\); expected \(2,\)"),
    (lambda: geo.straight(Z, Z[:1]), ValueError, r"z_a \(2, 3\) and z_b \(1, 3\)"),
    (lambda: geo.straight(Z, Z, 0), ValueError, r"segments = 0"),
    (lambda: geo.spherical(Z, Z), ValueError, r"a code at the origin"),
    (lambda: geo.spherical(Z + 1, -Z - 1), ValueError, r"two codes are opposite"),
    (lambda: geo.path_energy(G, Z, X, X), ValueError, r"nodes \(2, 3\) must be \(P, N \+ 1, D\)"),
    (lambda: geo.path_energy(G, Z[:, None], X, X), ValueError, r"single points"),
    (lambda: geo.path_energy(G, geo.straight(Z, Z + 1), X[:1], X), ValueError, r"x_a \(1, 5\) must be \(2, ...\), one image of 5 numbers"),
    (lambda: geo.path_energy(G, geo.straight(Z, Z + 1), X, X[:, :3]), ValueError, r"x_b \(2, 3\)"),
    (lambda: geo.shortest_path(lambda n: n.sum(axis=(1, 2)), Z, Z + 1, starts=("round",)), ValueError, r"starts \('round',\)"),
    (lambda: geo.shortest_path(lambda n: n.sum(axis=(1, 2)), Z, Z + 1, starts=()), ValueError, r"must be some of straight, spherical"),
    (lambda: geo.relative_energy(np.ones(2), Z, Z + 1, X, X), ValueError, r"the two images of pair 0 are equal"),
    (lambda: geo.relative_energy(np.ones(2), Z, np.array([[1.0, 0, 0], [0, 0, 0]]), X, X + 1), ValueError, r"the two codes of pair 1 are equal"),
    (lambda: geo.jvp(G, Z, Z[:1]), ValueError, r"z \(2, 3\) and u \(1, 3\)"),
    (lambda: geo.vjp(G, Z, Z), ValueError, r"v \(2, 3\) and G\(z\) \(2, 5\)"),
    (lambda: geo.jacobian(G, Z[0]), ValueError, r"z \(3,\) must be \(N, D\), none of them zero; one code is z\[None\]"),
    (lambda: geo.magnification(lambda z: z[:, :2], Z), ValueError, r"G\(z\) has 2 numbers and z 3"),
    (lambda: geo.path_length_penalty(G, Z[0]), ValueError, r"z \(3,\) must be \(N, D\)"),
    (lambda: geo.short_path_loss(G, Z), ValueError, r"nodes \(2, 3\)"),
]


@pytest.mark.parametrize("call, error, message", BAD)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("measure", [lambda nodes: geo.path_energy(lambda z: z, nodes, np.array([[-1.0]]), np.array([[1.0]]), squared=False).sum(),
                                     lambda nodes: geo.path_speed(lambda z: z, nodes, np.array([[-1.0]]), np.array([[1.0]])).sum(),
                                     lambda nodes: geo.pull_back_speed(lambda z: z, nodes).sum()], ids=["length", "speed", "pull-back speed"])
def test_a_path_that_stands_still_has_finite_gradients(measure):
    nodes = tg.tensor(np.array([[[-1.0], [0.0], [0.0], [1.0]]]), requires_grad=True)
    assert np.isfinite(tg.grad(measure(nodes), [nodes])[0].data).all()
