"""The generative game in the plane: values, arrows and meshes are where they belong."""
import numpy as np
import pytest

from tinygen import figures

RNG = np.random.default_rng(0)


def test_a_function_and_its_values_give_the_same_picture(pixels):
    axis = np.linspace(-1, 1, 30)
    values = axis[None, :] + 2 * axis[:, None] ** 2
    called = figures.critic_map(lambda points: points[:, 0] + 2 * points[:, 1] ** 2, (-1, 1), resolution=30)
    assert (pixels(called) == pixels(figures.critic_map(values, (-1, 1)))).all()


def test_a_low_critic_is_dark_and_high_is_light(inside):
    shown = inside(figures.critic_map(lambda points: points[:, 1], (0, 1)))
    assert int(shown[10, 50, 0]) > int(shown[-10, 50, 0]) + 60


def test_arrows_start_at_the_samples_and_share_one_scale():
    fake, push = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[3.0, 4.0], [0.0, 2.5]])
    ax = figures.critic_map(np.eye(3), (-1, 3), fake=fake, arrows=push).axes[0]
    quiver = next(part for part in ax.collections if hasattr(part, "U"))
    assert (quiver.get_offsets() == fake).all()
    assert np.allclose(np.hypot(quiver.U, quiver.V), [0.4, 0.2])          # a tenth of the axes, and half of that


def test_fixed_greys_clip_what_lies_beyond(inside):
    low, high = (inside(figures.critic_map(np.full((2, 2), level), (0, 1), value_range=(0, 1)))[20, 20, 0] for level in (-5.0, 5.0))
    assert int(low) < 160 and int(high) > 240


def test_panels_share_axes_and_have_arrows_and_greys_of_their_own():
    fake, values = np.array([[0.0, 0.0]]), np.eye(3)
    axes = figures.critic_panels({"small": (values, fake, np.array([[0.001, 0.0]])), "large": (1e6 * values, fake, np.array([[0.0, 50.0]]))}, (-1, 1)).axes
    assert [ax.get_title() for ax in axes] == ["small", "large"] and axes[0].get_xlim() == axes[1].get_xlim() == (-1, 1)
    for ax, direction in zip(axes, ((0.2, 0), (0, 0.2))):
        quiver = next(part for part in ax.collections if hasattr(part, "U"))
        assert np.allclose([quiver.U[0], quiver.V[0]], direction)


def test_a_smaller_cell_is_darker():
    narrow, wide = np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 5.0])
    mesh = np.stack(np.meshgrid(wide, narrow), axis=2)
    ax = figures.generator_manifold(mesh).axes[0]
    opacity = ax.collections[0].get_facecolor()[:, 3].reshape(2, 2)
    assert (opacity[:, 0] > opacity[:, 1]).all()


def test_a_curve_joins_its_codes_in_order():
    path = RNG.normal(size=(6, 2))
    segments = figures.generator_manifold(path).axes[0].collections[0].get_segments()
    assert np.allclose(segments, np.stack([path[:-1], path[1:]], axis=1))


def test_maps_lead_from_source_to_image():
    source, image = RNG.normal(size=(8, 2)), RNG.normal(size=(8, 2))
    ax = figures.domain_maps({"map": (source, image)}).axes[0]
    segments = next(part for part in ax.collections if hasattr(part, "get_segments")).get_segments()
    assert np.allclose(segments, np.stack([source, image], axis=1))


def test_clouds_share_their_axes():
    near, far = RNG.normal(size=(9, 2)), 10 + RNG.normal(size=(9, 2))
    axes = figures.point_panels({"near": near, "far": far}).axes
    assert len({ax.get_xlim() for ax in axes}) == len({ax.get_ylim() for ax in axes}) == 1


@pytest.mark.parametrize("call, message", [
    (lambda: figures.critic_map(np.eye(3)), "without points the limits are needed"),
    (lambda: figures.critic_map(np.ones((1, 4)), (0, 1)), "at least 2 x 2"),
    (lambda: figures.critic_map(lambda points: points, (0, 1)), r"critic\(points\) has shape \(6400, 2\); it must be \(6400,\)"),
    (lambda: figures.critic_map(np.eye(3), (0, 1), arrows=np.zeros((2, 2))), "which are missing"),
    (lambda: figures.critic_map(np.eye(3), fake=np.zeros((3, 2)), arrows=np.zeros((2, 2))), r"which are \(3, 2\)"),
    (lambda: figures.critic_panels({"a": np.eye(3)}, (0, 1)), r"must be \(critic, fake, arrows\)"),
    (lambda: figures.critic_panels({"a": (np.eye(3), None, np.zeros((2, 2)))}, (0, 1)), "critic_panels: arrows"),
    (lambda: figures.generator_manifold(np.zeros((1, 4, 2))), "at least two codes along each axis"),
    (lambda: figures.generator_manifold(np.zeros((4, 4, 3))), r"it must be \(R, C, 2\) or \(T, 2\)"),
    (lambda: figures.domain_maps({"a": np.zeros((3, 2))}), r"must be \(source, image\)"),
    (lambda: figures.domain_maps({"a": (np.zeros((3, 2)), np.zeros((4, 2)))}), "differ"),
    (lambda: figures.point_panels({"a": np.zeros((3, 2)), "b": np.zeros((4, 2))}, labels=[0, 1, 2]), "one label a point")])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
