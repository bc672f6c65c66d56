"""Losses that shape a generator's latent space while it is trained (sheet 000, question e); both are added to its GAN loss.

    penalty, length = path_length_penalty(generator, z, target=running_mean)
    g_optimizer.minimize(pair.generator(critic(generator(z))) + weight * penalty)

The first needs gradients of gradients; the second is the outer half of a bi-level problem: min over the weights of the mean of U at
the path that is shortest for these weights. By the envelope theorem the derivative of min_Z U by the weights is the partial
derivative at the minimiser, so the paths may be found first and then held fixed. Both see the generator in eval mode, as paths will be
sought in it, and because a Jacobian of one code means nothing where batch norm ties it to others.
"""
from ..autograd import Tensor, enable_grad, grad
from ..backend import standard_normal
from ..ops import sqrt
from .checks import as_codes, as_leaf, frozen, values_of
from .paths import path_energy, relative_energy


def path_length_penalty(generator, z, *, target=0.0, noise=None):
    """(E (||J'y|| - target)^2, E ||J'y||), scalars: J = dG/dz at codes z (N, D), y ~ N(0, I) in image space, one draw a code.

    With target 0 it is an unbiased estimate of E ||J||_F^2: images change little as codes do. With a running mean of the second number as
    target it is least where J is a multiple of an isometry, everywhere the same. noise: y (N, ...), drawn where it is not given.
    Source: Karras et al. 2020 (StyleGAN2), Eq. 4; there y is divided by the square root of the number of pixels.
    """
    z = as_leaf(as_codes("path_length_penalty", z))
    with frozen(generator), enable_grad():
        y = values_of("path_length_penalty", generator, z)
        noise = standard_normal(y.shape, like=y) if noise is None else noise
        product, = grad(y, [z], noise, create_graph=True)
    lengths = sqrt((product * product).sum(axis=1) + 1e-12)             # a generator that ignores z makes no NaN
    return ((lengths - target) ** 2).mean(), lengths.mean()


def short_path_loss(generator, nodes):
    """mean U / (||xA - xB||^2 ||zA - zB||^2) of paths nodes (P, N + 1, D) held fixed, with xA = G(zA) and xB = G(zB): a scalar.

    Gradients reach the generator's weights through the images on the way, at the ends, and in the scale. It is divided because plain U is
    also made small by images that are all alike. At least 1/2. nodes: of `shortest_path` for the present weights; any others, as the
    straight path, give an upper bound.
    """
    nodes = as_codes("short_path_loss", nodes, "nodes", "(P, N + 1, D)")
    nodes = nodes.data if isinstance(nodes, Tensor) else nodes
    z_a, z_b = nodes[:, 0], nodes[:, -1]
    with frozen(generator):
        x_a, x_b = (values_of("short_path_loss", generator, Tensor(z)) for z in (z_a, z_b))
    return relative_energy(path_energy(generator, nodes, x_a, x_b), z_a, z_b, x_a, x_b).mean()
