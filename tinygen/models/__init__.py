"""Architectures, one family a file: short modules that a demo trains and a user can take apart.

vae: variational autoencoders; echo, priors: their relatives with another noise, another prior; autoencoders, corruption: deterministic and
denoising ones; gan, conditional_gan: generators and discriminators by sheet; cifar: the colour VAE and its discriminator; mlp: what they
share.
"""
from . import autoencoders, cifar, conditional_gan, corruption, echo, gan, mlp, priors, vae
