"""Losses: pure functions of tensors, in nats per example.

vae.py: bounds on the likelihood of variational autoencoders; likelihood.py: what a trained one is measured by; autoencoder.py:
deterministic autoencoders; gan.py: adversarial losses, in pairs (discriminator, generator); vae_gan.py: both at once;
self_supervised.py: what a code can be asked for without labels.
"""
from . import autoencoder, gan, likelihood, self_supervised, vae, vae_gan
from .autoencoder import contraction, sparsity, squared_error
from .likelihood import active_units, bits_per_dimension, importance_nll
from .vae import (Terms, bernoulli, beta_vae, elbo, elbo_closed_form, gaussian, info_vae, iwae, log_mean_weight, log_weight,
                  path_derivative_rate, rate, sampled_rate)
