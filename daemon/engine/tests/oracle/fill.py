"""Random weights that both sides make for themselves, so that fixtures hold none.

Each tensor comes from torch's CPU generator, seeded with the first eight bytes (little endian, 63 bits) of the SHA-256 of its
full name. Weights of two and more dimensions are scaled by 1/sqrt(fan in), embeddings and biases by 0.1; scales of norms are
1 + 0.1 randn. The Rust side is `Weights::random`.
"""
import hashlib
import math

import torch


def fill(module, prefix=""):
    """Fills every parameter of `module`, named with `prefix` in front, and puts it in eval mode."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(values(prefix + name, parameter.shape))
    return module.eval()


def values(name, shape):
    """The tensor called `name`."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little") & (2**63 - 1)
    noise = torch.randn(math.prod(shape), generator=torch.Generator("cpu").manual_seed(seed)).reshape(shape)
    if name.endswith("embedding.weight"):
        return 0.1 * noise
    if len(shape) >= 2:
        return noise / math.sqrt(math.prod(shape[1:]))
    return 1 + 0.1 * noise if name.endswith(".weight") else 0.1 * noise
