"""The shape of a generator's latent space: which code makes an image, which way leads from one to another, how the map stretches.

    found = invert(generator, images, starts)                               inversion: z* = argmin ||G(z) - x||^2
    path = shortest_path(lambda nodes: path_energy(generator, nodes, x_a, x_b), z_a, z_b)
    magnification(generator, z), singular_values(generator, z)              from the Jacobian dG/dz

A generator is a module, or any function of codes (N, D) that is made of tinygen's operations and treats each code by itself; modules
run in eval mode here. Their weights stay as they are; only the losses in regularisers.py have gradients by them.

jacobian: products with dG/dz and what follows from it; descent: many minimisations at once; inversion; paths; regularisers.
"""
from .descent import Descent, descend
from .inversion import Inversion, invert
from .jacobian import jacobian, jvp, magnification, singular_values, vjp
from .paths import (Path, path_energy, path_speed, pull_back_energy, pull_back_speed, relative_energy, shortest_path, spherical,
                    straight)
from .regularisers import path_length_penalty, short_path_loss
