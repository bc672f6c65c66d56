"""Operations that act on each element, with NumPy's broadcasting.

`elementwise` is `primitive` plus one rule: a gradient is summed down to the shape of its input, over the axes along which
the input was stretched. In the VJPs, g is the gradient of the output y, and x (and z) are the inputs.

`cuda={i: body}` is VJP i once more, as a CUDA body of g, y and the inputs, named x, z, w in this order: on a GPU a formula of
several steps is then one launch.
"""
import numbers

from ..autograd import Tensor, primitive
from ..backend import xp
from ..diagnosis import refuse_two_devices
from ..kernels import pointwise
from ..kernels.cuda import Kernel
from ..kernels.layout import along_memory, over_threads
from .shaping import as_array, broadcast_to, sum_to


def elementwise(*vjps, cuda=()):
    """`primitive` for what acts on each element: see the top of this file."""
    def declare(forward):
        inputs = ", ".join(f"T {name}" for name in "gyxzw"[:2 + len(vjps)])
        kernels = {i: Kernel(f"{forward.__name__}_vjp_{i}", inputs, "T gx", f"gx = {body}") for i, body in dict(cuda).items()}
        return primitive(*vjps, fit=sum_to, along=along_memory, cuda=kernels)(forward)
    return declare


# ---- arithmetic --------------------------------------------------------------------------------------------------------


@elementwise(lambda g, y, x, z: g, lambda g, y, x, z: g)
def add(x, z):
    """x + z."""
    return x + z


@elementwise(lambda g, y, x, z: g, lambda g, y, x, z: -g)
def subtract(x, z):
    """x - z."""
    return x - z


@elementwise(lambda g, y, x, z: g * z, lambda g, y, x, z: g * x)
def multiply(x, z):
    """x * z."""
    return x * z


@elementwise(lambda g, y, x, z: g / z, lambda g, y, x, z: -g * y / z, cuda={1: "-g * y / z"})
def divide(x, z):
    """x / z."""
    return x / z


@elementwise(lambda g, y, x: -g)
def negative(x):
    """-x."""
    return -x


@elementwise(lambda g, y, x, p: g * (power(x, p=p - 1) * p) if p else g * 0.0)
def power(x, *, p):
    """x ** p for a plain number p. The 0th power is the constant 1, also at x = 0, so x**2 has all its derivatives there."""
    if not isinstance(p, numbers.Real):
        raise TypeError(f"power: the exponent is a {type(p).__name__}, not a plain number; write exp(p * log(x))")
    return x ** p if p else xp(x).ones_like(x)


# ---- exponentials and roots ------------------------------------------------------------------------------------------------


@elementwise(lambda g, y, x: g * y)
def exp(x):
    """e ** x."""
    return over_threads(xp(x).exp, x)


@elementwise(lambda g, y, x: g * (y + 1.0), cuda={0: "g * (y + T(1))"})
def expm1(x):
    """e ** x - 1, exact near 0."""
    return over_threads(xp(x).expm1, x)


@elementwise(lambda g, y, x: g / x)
def log(x):
    """The natural logarithm."""
    return over_threads(xp(x).log, x)


@elementwise(lambda g, y, x: g / (x + 1.0), cuda={0: "g / (x + T(1))"})
def log1p(x):
    """log(1 + x), exact near 0."""
    return over_threads(xp(x).log1p, x)


@elementwise(lambda g, y, x: g * 0.5 / y, cuda={0: "g * T(0.5) / y"})
def sqrt(x):
    """The square root. Its slope at 0 is infinite: write sqrt(x + eps) for a norm."""
    return over_threads(xp(x).sqrt, x)


@elementwise(lambda g, y, x: g * cos(x), cuda={0: "g * cos(x)"})
def sin(x):
    """The sine."""
    return over_threads(xp(x).sin, x)


@elementwise(lambda g, y, x: -g * sin(x), cuda={0: "-g * sin(x)"})
def cos(x):
    """The cosine."""
    return over_threads(xp(x).cos, x)


# ---- steps: constant almost everywhere, so nothing flows to what they compare ------------------------------------------------


@elementwise(None)
def sign(x):
    """-1, 0 or 1."""
    return xp(x).sign(x)


@elementwise(None, None)
def greater(x, z):
    """1 where x > z, 1/2 where they are equal, else 0: the share of a maximum's gradient that goes to x."""
    dtype = xp(x, z).result_type(x, z)
    return ((x > z).astype(dtype) + (x >= z).astype(dtype)) * 0.5           # not by x - z, which is NaN at equal infinities


@elementwise(None)
def inside(x, *, low, high):
    """1 where low <= x <= high (None: no bound), else 0."""
    mask = xp(x).ones(x.shape, bool)
    if low is not None:
        mask &= x >= low
    if high is not None:
        mask &= x <= high
    return mask.astype(x.dtype)


# ---- piecewise ---------------------------------------------------------------------------------------------------------------


@elementwise(lambda g, y, x: g * sign(x), cuda={0: "x > T(0) ? g : x < T(0) ? -g : g * x"})
def abs_(x):
    """|x|; the gradient at 0 is 0."""
    return xp(x).abs(x)


@elementwise(lambda g, y, x, z: g * greater(x, z), lambda g, y, x, z: g * greater(z, x))
def maximum(x, z):
    """The larger of x and z; a tie shares the gradient equally."""
    return xp(x, z).maximum(x, z)


@elementwise(lambda g, y, x, z: g * greater(z, x), lambda g, y, x, z: g * greater(x, z))
def minimum(x, z):
    """The smaller of x and z; a tie shares the gradient equally."""
    return xp(x, z).minimum(x, z)


@elementwise(lambda g, y, x, low, high: g * inside(x, low=low, high=high))
def clip(x, *, low=None, high=None):
    """x kept within [low, high] (None: no bound); the gradient passes where x is within, bounds included."""
    if low is not None and high is not None and low > high:
        raise ValueError(f"clip: low {low} is above high {high}")
    x = x if low is None else xp(x).maximum(x, low)
    return x if high is None else xp(x).minimum(x, high)


@elementwise(None, lambda g, y, mask, x, z: where(mask, g, 0.0), lambda g, y, mask, x, z: where(mask, 0.0, g))
def where(mask, x, z):
    """x where the plain mask is true, z elsewhere."""
    return xp(mask, x, z).where(mask, x, z)


# ---- activations -----------------------------------------------------------------------------------------------------------------


@elementwise(lambda g, y, x: g * (1.0 - y * y), cuda={0: "g * (T(1) - y * y)"})
def tanh(x):
    """The hyperbolic tangent."""
    return over_threads(xp(x).tanh, x)


@elementwise(lambda g, y, x: g * (y * (1.0 - y)), cuda={0: "g * (y * (T(1) - y))"})
def sigmoid(x):
    """1 / (1 + exp(-x)), exact in both tails."""
    return pointwise.sigmoid(x)


@elementwise(lambda g, y, x: g * sigmoid(x), cuda={0: "g / (T(1) + exp(-x))"})
def softplus(x):
    """log(1 + exp(x)), without overflow."""
    return pointwise.softplus(x)


@primitive(lambda h, out, g, x, slope: gate(h, x, slope=slope), None)
def gate(g, x, *, slope=0.0):
    """g where x > 0, slope * g elsewhere, as a product with 1 or slope (so infinities of g become NaN where it is 0): the backward of
    a rectifier, linear in g."""
    return pointwise.gate(g, x, slope)


@primitive(lambda g, y, x: gate(g, x))
def relu(x):
    """max(x, 0); the gradient at 0 is 0."""
    return pointwise.rectify(x, 0.0)


@primitive(lambda g, y, x, slope: gate(g, x, slope=slope))
def leaky_relu(x, *, slope=0.01):
    """x where x > 0, slope * x elsewhere (Maas et al. 2013), 0 <= slope < 1."""
    if not 0 <= slope < 1:
        raise ValueError(f"leaky_relu: slope {slope} is not in [0, 1)")
    return pointwise.rectify(x, slope)


@primitive(lambda h, out, g, y: tail(h, y), lambda h, out, g, y: gate(h * g, -y))
def tail(g, y):
    """g * (1 + min(y, 0)): the backward of y = elu(x) for alpha = 1, as exp(x) = 1 + y where x < 0."""
    return pointwise.tail(g, y)


@primitive(lambda g, y, x, alpha: tail(g, y) if alpha == 1 else g * where(x > 0, 1.0, y + alpha))
def elu(x, *, alpha=1.0):
    """x where x > 0, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2016)."""
    return pointwise.elu(x, alpha)


@elementwise(lambda g, y, x, t: g * (sigmoid(x) - t), lambda g, y, x, t: -g * x, cuda={0: "g * (T(1) / (T(1) + exp(-x)) - z)"})
def _bce_with_logits(x, t):
    return pointwise.bce_with_logits(x, t)


def bce_with_logits(x, t):
    """-t log s(x) - (1 - t) log(1 - s(x)) with s the sigmoid: the cross-entropy of a logit, in nats, finite for any logit.

    Computed as max(x, 0) - x t + log(1 + exp(-|x|)). The target t is a number, an array of any type, or a Tensor; it is
    stretched to the shape of x by NumPy's rules.
    """
    refuse_two_devices("bce_with_logits", (x, t))
    if not isinstance(t, Tensor) or t.dtype.kind != "f":
        t = xp(as_array(x)).asarray(as_array(t), x.dtype)
    if t.shape != x.shape:
        if len(t.shape) > x.ndim or any(n not in (1, k) for n, k in zip(t.shape[::-1], x.shape[::-1])):
            raise ValueError(f"bce_with_logits: target {t.shape} does not stretch to the logits {x.shape}; give one target a logit")
        t = broadcast_to(t, shape=x.shape)
    return _bce_with_logits(x, t)


def log_sigmoid(x):
    """log of the sigmoid of x, -softplus(-x), without overflow."""
    return -softplus(-x)


# ---- Gaussians, given by mean and logarithm of the variance -----------------------------------------------------------------------


@elementwise(lambda g, z, mu, logvar, eps: g, lambda g, z, mu, logvar, eps: g * eps * exp(logvar * 0.5) * 0.5,
             lambda g, z, mu, logvar, eps: g * exp(logvar * 0.5), cuda={1: "g * w * exp(z * T(0.5)) * T(0.5)", 2: "g * exp(z * T(0.5))"})
def reparameterize(mu, logvar, eps):
    """mu + eps exp(logvar / 2): a draw of N(mu, exp(logvar)) where eps is one of N(0, 1) (Kingma & Welling 2014)."""
    return pointwise.reparameterize(mu, logvar, eps)


@elementwise(lambda g, y, mu, logvar: g * mu * 2.0, lambda g, y, mu, logvar: g * expm1(logvar), cuda={0: "g * x * T(2)", 1: "g * expm1(z)"})
def twice_kl(mu, logvar):
    """mu^2 + exp(logvar) - logvar - 1: twice KL(N(mu, exp(logvar)) || N(0, 1)), elementwise."""
    return pointwise.twice_kl(mu, logvar)
