"""Colours of latents by each matrix of protocol/formats/src/card/latents.rs: fixtures/preview.

    python preview.py

Needs torch, safetensors. Last run with torch 2.11.0.
"""
import pathlib

import torch
from safetensors.torch import save_file

FIXTURE = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "preview"
FORMATS = [
    # Stable Diffusion 1.x
    ([[0.337366, 0.216344, 0.257386], [0.165636, 0.386828, 0.046994], [-0.267803, 0.237036, 0.223517],
      [-0.178022, -0.200862, -0.678514]], [-0.017478, -0.055834, -0.105825]),
    # SDXL
    ([[0.258303, 0.277640, 0.329699], [-0.299701, 0.105446, 0.014194], [0.050522, 0.186163, -0.143257],
      [-0.211938, -0.149892, -0.080036]], [0.144381, -0.033313, 0.007061]),
    # the embedded model
    ([[-0.298031, -0.079507, 0.425786], [-0.168168, -0.013892, 0.331047], [0.115380, 0.114223, 0.413631],
      [0.244148, -0.437085, -1.146037]], [0.534698, 0.552673, 0.758968]),
]


def main():
    latents = 2 * torch.randn(1, 4, 5, 7, generator=torch.Generator("cpu").manual_seed(7))
    out = {"latents": latents}
    for row, (matrix, bias) in enumerate(FORMATS):
        colours = torch.einsum("bchw,cd->bhwd", latents.double(), torch.tensor(matrix).double()) + torch.tensor(bias).double()
        levels = 255 * (0.5 * colours + 0.5).clamp(0, 1)
        # No value is so near the middle of two levels that rounding could differ.
        assert ((levels - levels.floor() - 0.5).abs() > 1e-3).all()
        out[f"rgb.{row}"] = levels.round().long()
    FIXTURE.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in out.items()}, FIXTURE / "expected.safetensors")


if __name__ == "__main__":
    main()
