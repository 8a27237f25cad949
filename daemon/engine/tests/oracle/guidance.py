"""Values of diffusers 0.42's guiders for the tables in src/guidance/combine.rs: APG over two calls, and CFG-Zero*.

The predictions are c = sin(i + k) and u = cos(2 i + k) / 2 for i from 0, k the number of the call, two pictures of [1, 2, 3].
Prints one line a case: the values of the last call.
"""

import torch
from diffusers.guiders.adaptive_projected_guidance import MomentumBuffer, normalized_guidance
from diffusers.guiders.classifier_free_zero_star_guidance import cfg_zero_star_scale

i = torch.arange(12, dtype=torch.float32).reshape(2, 1, 2, 3)


def predictions(k):
    return torch.sin(i + k), torch.cos(2 * i + k) / 2


def shown(name, x):
    print(name, [round(v, 6) for v in x.flatten().tolist()])


for scale, eta, threshold, momentum in [(7.5, 0.0, 15.0, -0.5), (3.0, 1.0, 0.0, 0.0), (7.5, 0.25, 1.0, -0.75)]:
    buffer = MomentumBuffer(momentum) if momentum else None
    for k in (0, 1):
        cond, uncond = predictions(k)
        guided = normalized_guidance(cond, uncond, scale, buffer, eta, threshold)
    shown(f"apg {scale} {eta} {threshold} {momentum}", guided)

for scale in (3.0, 7.5):
    cond, uncond = predictions(0)
    alpha = cfg_zero_star_scale(cond.flatten(1), uncond.flatten(1)).view(-1, 1, 1, 1)
    shown(f"zero {scale}", uncond * alpha + scale * (cond - uncond * alpha))
