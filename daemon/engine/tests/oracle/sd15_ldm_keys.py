"""What diffusers calls each tensor of a Stable Diffusion 1.x checkpoint of the original code: fixtures/sd15-keys/*-ldm.txt.gz.

    python sd15_ldm_keys.py

Needs torch and diffusers. The original names follow from the modules of `ldm.modules.diffusionmodules`; the new ones are what
diffusers' own converters make of them, told by numbers in place of weights.
"""
import gzip
import json
import pathlib

import torch
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "sd15-keys"


def both(*names):
    return [f"{name}.{leaf}" for name in names for leaf in ("weight", "bias")]


def unet_keys():
    def resnet(at, skip):
        inner = ["in_layers.0", "in_layers.2", "emb_layers.1", "out_layers.0", "out_layers.3"] + ["skip_connection"] * skip
        return both(*(f"{at}.{name}" for name in inner))

    def attention(at):
        block = f"{at}.transformer_blocks.0"
        keys = both(f"{at}.norm", f"{at}.proj_in", f"{at}.proj_out", *(f"{block}.norm{n}" for n in (1, 2, 3)))
        keys += both(f"{block}.ff.net.0.proj", f"{block}.ff.net.2")
        for name in ("attn1", "attn2"):
            keys += [f"{block}.{name}.to_{c}.weight" for c in "qkv"] + both(f"{block}.{name}.to_out.0")
        return keys

    keys = both("time_embed.0", "time_embed.2", "input_blocks.0.0", "out.0", "out.2")
    for level in range(4):
        for j in range(2):
            at = f"input_blocks.{1 + 3 * level + j}"
            keys += resnet(f"{at}.0", j == 0 and level in (1, 2)) + (attention(f"{at}.1") if level < 3 else [])
        keys += both(f"input_blocks.{3 + 3 * level}.0.op") if level < 3 else []
    keys += resnet("middle_block.0", False) + attention("middle_block.1") + resnet("middle_block.2", False)
    for n in range(12):
        keys += resnet(f"output_blocks.{n}.0", True) + (attention(f"output_blocks.{n}.1") if n >= 3 else [])
    return keys + both("output_blocks.2.1.conv", "output_blocks.5.2.conv", "output_blocks.8.2.conv")


def vae_keys():
    keys = both("quant_conv", "post_quant_conv")
    for side, way, blocks, skips in (("encoder", "down", 2, (1, 2)), ("decoder", "up", 3, (0, 1))):
        keys += both(f"{side}.conv_in", f"{side}.norm_out", f"{side}.conv_out")
        keys += both(*(f"{side}.mid.{b}.{c}" for b in ("block_1", "block_2") for c in ("norm1", "conv1", "norm2", "conv2")))
        keys += both(*(f"{side}.mid.attn_1.{c}" for c in ("norm", "q", "k", "v", "proj_out")))
        for level in range(4):
            for j in range(blocks):
                inner = ["norm1", "conv1", "norm2", "conv2"] + ["nin_shortcut"] * (j == 0 and level in skips)
                keys += both(*(f"{side}.{way}.{level}.block.{j}.{c}" for c in inner))
        samples = range(3) if way == "down" else range(1, 4)
        keys += both(*(f"{side}.{way}.{level}.{way}sample.conv" for level in samples))
    return keys


def main():
    jobs = [("unet", unet_keys(), "model.diffusion_model.", convert_ldm_unet_checkpoint),
            ("vae", vae_keys(), "first_stage_model.", convert_ldm_vae_checkpoint)]
    for component, keys, prefix, convert in jobs:
        config = json.loads((FOLDER / f"{component}.json").read_text())
        numbered = {prefix + key: torch.tensor([float(n)]) for n, key in enumerate(keys)}
        converted = convert(numbered, config=config)
        pairs = sorted(f"{keys[int(n)]} {name}" for name, n in converted.items())
        assert len(pairs) == len(keys) == len(set(keys)), component
        with open(FOLDER / f"{component}-ldm.txt.gz", "wb") as f:
            f.write(gzip.compress(("\n".join(pairs) + "\n").encode(), 9, mtime=0))
        print(component, len(pairs))


if __name__ == "__main__":
    main()
