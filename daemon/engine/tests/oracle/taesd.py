"""What diffusers computes with TAESD's decoder of random weights: fixtures/taesd.

    python taesd.py

diffusers does not count the layer that bounds its input, so its names are one lower than those of the files of
madebyollin/taesd, by which the weights are filled. Needs torch, diffusers, safetensors. Last run with diffusers 0.42.1,
torch 2.11.0.
"""
import pathlib

import torch
from diffusers import AutoencoderTiny
from safetensors.torch import save_file

from fill import values

FIXTURE = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "taesd"


@torch.no_grad()
def main():
    model = AutoencoderTiny().eval()
    lines = []
    for name, parameter in model.decoder.named_parameters():
        _, layer, rest = name.split(".", 2)
        key = f"{int(layer) + 1}.{rest}"
        parameter.copy_(values(key, parameter.shape))
        lines.append(f"{key} {','.join(map(str, parameter.shape))}")
    out = {}
    for shape in ((4, 4), (5, 3)):
        key = "x".join(map(str, shape))
        out[f"latents.{key}"] = 2 * torch.randn(1, 4, *shape, generator=torch.Generator("cpu").manual_seed(7))
        out[f"picture.{key}"] = (model.decode(out[f"latents.{key}"]).sample + 1) / 2
    FIXTURE.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in out.items()}, FIXTURE / "expected.safetensors")
    (FIXTURE / "keys.txt").write_text("\n".join(sorted(lines)) + "\n")
    for key, value in out.items():
        print(f"{key:14} {tuple(value.shape)} mean|x| {value.abs().mean():.4f} max {value.abs().max():.4f}")


if __name__ == "__main__":
    main()
