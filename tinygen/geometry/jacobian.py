"""The Jacobian J = dG/dz of a generator: products with it from either side, all of it, and how it stretches the latent space.

For every code of a batch by itself: z (N, D), G(z) (N, ...), J (N, ..., D).
"""
import math

import numpy as np

from ..autograd import Tensor, enable_grad, grad
from ..backend import host, xp
from .checks import as_codes, as_leaf, check_same, frozen, values_of


def vjp(generator, z, v, *, create_graph=False):
    """v'J (N, D), a Tensor: one walk back. z (N, D), v (N, ...) like G(z). Raises ValueError for other shapes."""
    z = as_leaf(as_codes("vjp", z))
    with frozen(generator), enable_grad():
        y = values_of("vjp", generator, z)
        check_same("vjp", v=v, **{"G(z)": y})
        return grad(y, [z], v, create_graph)[0]


def jvp(generator, z, u, *, create_graph=False):
    """J u (N, ...), a Tensor: how G(z) moves as z moves along u (N, D). Raises ValueError for other shapes.

    By two walks back: w'J is linear in w, so its gradient by w, weighted by u, is J u, whatever w is.
    """
    z = as_leaf(as_codes("jvp", z))
    check_same("jvp", z=z, u=u)
    with frozen(generator), enable_grad():
        w, back = _transposed("jvp", generator, z)
        return grad(back, [w], u, create_graph)[0]


def jacobian(generator, z, *, batch=256):
    """J (N, ..., D), an array: the columns J e_i by `jvp`, or the rows e_j'J by `vjp` where G has fewer outputs than D."""
    z = as_codes("jacobian", z)
    z = z.data if isinstance(z, Tensor) else z
    with frozen(generator), enable_grad():
        parts = [_jacobian(generator, Tensor(z[i:i + batch], requires_grad=True)) for i in range(0, len(z), batch)]
    return xp(z).concatenate(parts)


def singular_values(generator, z, *, batch=256):
    """The singular values of J, largest first: (N, min(D, size of G(z))), float64: how far G stretches along its principal directions."""
    j = host(jacobian(generator, z, batch=batch)).astype(np.float64)
    return np.linalg.svd(j.reshape(len(j), -1, j.shape[-1]), compute_uv=False)


def magnification(generator, z, *, batch=256):
    """sqrt(det J'J) (N,), float64: the volume of image space that a unit of latent volume covers.

    Zero where G is not locally one-to-one. Source: the magnification factor of Bishop, Svensen & Williams 1997, for generators as
    in Arvanitidis et al. 2018, section 3. Raises ValueError where G(z) has fewer numbers than z, so that it is zero everywhere.
    """
    s = singular_values(generator, z, batch=batch)
    if s.shape[1] < z.shape[1]:
        raise ValueError(f"magnification: G(z) has {s.shape[1]} numbers and z {z.shape[1]}, so det J'J = 0 everywhere; look at singular_values")
    return s.prod(axis=1)


def _transposed(function, generator, z):
    """(w, w'J as a function of w that can be differentiated): w is zero, for only its derivative is wanted."""
    y = values_of(function, generator, z)
    w = Tensor(xp(y.data).zeros_like(y.data), requires_grad=True)
    return w, grad(y, [z], w, create_graph=True)[0]


def _jacobian(generator, z):
    y = values_of("jacobian", generator, z)
    size, (count, dimension) = math.prod(y.shape[1:]), z.shape
    unit = lambda shape, i: _unit(xp(z.data).zeros((count, math.prod(shape[1:])), z.dtype), i).reshape(shape)
    if size < dimension:
        rows = [grad(y, [z], unit(y.shape, i))[0].data for i in range(size)]
        return xp(z.data).stack(rows, axis=1).reshape(*y.shape, dimension)
    w, back = _transposed("jacobian", generator, z)
    return xp(z.data).stack([grad(back, [w], unit(z.shape, i))[0].data for i in range(dimension)], axis=-1)


def _unit(zeros, i):
    zeros[:, i] = 1
    return zeros
