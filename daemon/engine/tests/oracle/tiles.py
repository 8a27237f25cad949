"""What diffusers decodes in tiles with the tiny model of sd15.py: fixtures/sd15-tiles.

    python tiles.py

Needs torch, diffusers, safetensors. Last run with diffusers 0.42.1, torch 2.11.0.
"""
import json

import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file

from fill import fill
from sd15 import FIXTURES, MODELS


@torch.no_grad()
def main():
    config = MODELS["sd15"]["vae"]
    levels = len(config["block_out_channels"])
    vae = fill(AutoencoderKL(down_block_types=["DownEncoderBlock2D"] * levels, up_block_types=["UpDecoderBlock2D"] * levels, **config))
    vae.enable_tiling()
    generator = torch.Generator("cpu").manual_seed(11)
    out = {}
    # Tiles have 8 latents a side: several of them, one column more than a tile, one row of tiles.
    for shape in ((13, 21), (8, 9), (19, 8)):
        key = "x".join(map(str, shape))
        out[f"z.{key}"] = torch.randn((1, 4, *shape), generator=generator)
        out[f"decoded.{key}"] = vae.decode(out[f"z.{key}"]).sample
    folder = FIXTURES / "sd15-tiles"
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in out.items()}, folder / "expected.safetensors")
    print(json.dumps({key: list(value.shape) for key, value in out.items()}))


if __name__ == "__main__":
    main()
