"""The same words for tinygen and PyTorch, so that each network and each training step is written once (networks.py)."""
import math


class Tinygen:
    """tinygen, on the CPU or a GPU; there with TF32 products or without."""

    name = "tinygen"

    def __init__(self, device="cpu", tf32=False):
        import tinygen
        self.tg, self.nn, self.device = tinygen, tinygen.nn, device
        tinygen.manual_seed(0)
        if device == "cuda":
            tinygen.backend.allow_tf32(tf32)

    def module(self, module):
        """A module on the device."""
        return module.to(self.device) if self.device != "cpu" else module

    def data(self, array):
        """An array on the device."""
        return self.tg.backend.to(array, self.device)

    def adam(self, *modules, lr=1e-3, betas=(0.9, 0.999)):
        """Adam over the parameters of modules."""
        return self.tg.optim.Adam([p for m in modules for p in m.parameters()], lr=lr, betas=betas)

    def minimize(self, optimizer, loss):
        """One step of the optimizer."""
        optimizer.minimize(loss)

    def normal(self, shape, like):
        """N(0, 1) draws."""
        return self.tg.standard_normal(shape, like=like)

    def uniform(self, shape, like):
        """U[0, 1) draws."""
        return self.tg.uniform(shape, like=like)

    def exp(self, x):
        """e ** x."""
        return self.tg.exp(x)

    def without_graph(self, function):
        """The values of function(), with nothing recorded."""
        with self.tg.no_grad():
            return function().detach()

    def bce(self, logits, target):
        """Cross-entropy in nats, summed over everything but the batch, which is averaged. target: an array, or a number."""
        return self.tg.bce_with_logits(logits, target).sum() * (1.0 / len(logits))

    def step_on_gradients(self, optimizers_and_losses):
        """Several losses on one graph: all gradients first, then the steps."""
        gradients = [self.tg.grad(loss, optimizer.parameters) for optimizer, loss in optimizers_and_losses]
        for (optimizer, _), g in zip(optimizers_and_losses, gradients):
            optimizer.step(g)

    def penalty(self, critic, real, fake):
        """(||d critic / d x|| - 1)^2 at random points between real and fake, averaged: needs a gradient of a gradient."""
        e = self.uniform((len(real),) + (1,) * (real.ndim - 1), real)
        x = self.tg.tensor(e * real + (1 - e) * fake.data, requires_grad=True)
        g, = self.tg.grad(critic(x).sum(), [x], create_graph=True)
        norm = self.tg.sqrt((g * g).reshape(len(real), -1).sum(axis=1) + 1e-12)
        return ((norm - 1.0) ** 2).mean()

    def wait(self):
        """Return when the device has finished."""
        if self.device != "cpu":
            self.tg.backend.module_of(self.device).cuda.get_current_stream().synchronize()

    def device_memory(self):
        """Bytes of the GPU that CuPy's memory pool holds, freed ones included: the pool gives none back, so this is its peak."""
        return self.tg.backend.module_of(self.device).get_default_memory_pool().total_bytes()


class PyTorch:
    """PyTorch eager, with its default settings, except that on a GPU TF32 is for products and convolutions alike, or for neither."""

    name = "PyTorch"

    def __init__(self, device="cpu", tf32=False):
        import torch
        self.torch, self.nn, self.device = torch, torch.nn, device
        torch.manual_seed(0)
        if device == "cuda":
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32

    def module(self, module):
        """A module on the device."""
        return module.to(self.device)

    def data(self, array):
        """An array on the device."""
        return self.torch.tensor(array, device=self.device)

    def adam(self, *modules, lr=1e-3, betas=(0.9, 0.999)):
        """Adam over the parameters of modules."""
        return self.torch.optim.Adam([p for m in modules for p in m.parameters()], lr=lr, betas=betas)

    def minimize(self, optimizer, loss):
        """One step of the optimizer."""
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def normal(self, shape, like):
        """N(0, 1) draws."""
        return self.torch.randn(shape, device=self.device)

    def uniform(self, shape, like):
        """U[0, 1) draws."""
        return self.torch.rand(shape, device=self.device)

    def exp(self, x):
        """e ** x."""
        return self.torch.exp(x)

    def without_graph(self, function):
        """The values of function(), with nothing recorded."""
        with self.torch.no_grad():
            return function()

    def bce(self, logits, target):
        """Cross-entropy in nats, summed over everything but the batch, which is averaged."""
        if isinstance(target, float):
            target = self.torch.full_like(logits, target)
        return self.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="sum") / len(logits)

    def step_on_gradients(self, optimizers_and_losses):
        """Several losses on one graph: all gradients first, then the steps."""
        found = []
        for optimizer, loss in optimizers_and_losses:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            found.append((optimizer, parameters, self.torch.autograd.grad(loss, parameters, retain_graph=True)))
        for optimizer, parameters, gradients in found:
            for p, g in zip(parameters, gradients):
                p.grad = g
            optimizer.step()

    def penalty(self, critic, real, fake):
        """(||d critic / d x|| - 1)^2 at random points between real and fake, averaged."""
        e = self.uniform((len(real),) + (1,) * (real.ndim - 1), real)
        x = (e * real + (1 - e) * fake).requires_grad_(True)
        g, = self.torch.autograd.grad(critic(x).sum(), [x], create_graph=True)
        norm = self.torch.sqrt((g * g).reshape(len(real), -1).sum(dim=1) + 1e-12)
        return ((norm - 1.0) ** 2).mean()

    def wait(self):
        """Return when the device has finished."""
        if self.device != "cpu":
            self.torch.cuda.synchronize()

    def device_memory(self):
        """Bytes of the GPU that tensors filled at most; what PyTorch's allocator holds besides is not in it."""
        return self.torch.cuda.max_memory_allocated()


def peers(device, tf32=False):
    """(the frameworks that run on `device`: tinygen, and PyTorch where it can; why PyTorch is left out, "" where it is not)."""
    try:
        import torch
    except ImportError:
        return [Tinygen(device, tf32)], "PyTorch is not installed"
    if device == "cuda" and not torch.cuda.is_available():
        why = "is built for the CPU alone" if torch.version.cuda is None else "finds no GPU"
        return [Tinygen(device, tf32)], f"PyTorch {torch.__version__} {why}"
    return [Tinygen(device, tf32), PyTorch(device, tf32)], ""


def geometric_mean(ratios):
    """exp(mean(log(ratios)))."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))
