"""Modules and layers, with PyTorch's names."""
from . import init
from .ema import ExponentialMovingAverage
from .layers import (AvgPool2d, BatchNorm1d, BatchNorm2d, Conv2d, ConvTranspose2d, Dropout, ELU, Embedding, Flatten, LayerNorm,
                     LeakyReLU, Linear, MaxPool2d, ReLU, Sigmoid, Softplus, Tanh, Unflatten, Upsample,
                     UpsampleConv2d)
from .module import Buffer, Module, Parameter, Sequential, eval_mode, summary
