"""Names and shapes of every UNet tensor of Stable Diffusion 2, SDXL and its kin, and what the original code calls each:
fixtures/*-keys/unet.*.

    python unet_keys.py

Needs torch and diffusers; last run with 2.11.0 and 0.42.1. Configurations are the published ones (stable-diffusion-2-1,
stable-diffusion-xl-base-1.0 and -refiner-1.0, segmind/SSD-1B, segmind/Segmind-Vega, etri-vilab/koala-1b and -700m). No weights are
made (meta device). The original names follow from the modules of `openaimodel.UNetModel`; what they are in diffusers is what its own
converter makes of them, told by numbers in place of weights.
"""
import gzip
import json
import pathlib

import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
DOWN, CROSS_DOWN, UP, CROSS_UP = "DownBlock2D", "CrossAttnDownBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"
XL = dict(sample_size=128, block_out_channels=[320, 640, 1280], attention_head_dim=[5, 10, 20], cross_attention_dim=2048, layers_per_block=2,
          use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816,
          transformer_layers_per_block=[1, 2, 10], down_block_types=[DOWN, CROSS_DOWN, CROSS_DOWN], up_block_types=[CROSS_UP, CROSS_UP, UP])
MODELS = {
    "sd2": dict(sample_size=96, attention_head_dim=[5, 10, 20, 20], cross_attention_dim=1024, use_linear_projection=True, upcast_attention=True),
    "sdxl": XL,
    "sdxl-refiner": XL | dict(block_out_channels=[384, 768, 1536, 1536], attention_head_dim=[6, 12, 24, 24], cross_attention_dim=1280,
                              projection_class_embeddings_input_dim=2560, transformer_layers_per_block=4,
                              down_block_types=[DOWN, CROSS_DOWN, CROSS_DOWN, DOWN], up_block_types=[UP, CROSS_UP, CROSS_UP, UP]),
    "ssd1b": XL | dict(mid_block_type="UNetMidBlock2D", transformer_layers_per_block=[1, [2, 2], [4, 4]],
                       reverse_transformer_layers_per_block=[[4, 4, 10], [2, 1, 1], 1]),
    "vega": XL | dict(transformer_layers_per_block=[1, 1, 2], mid_block_type="UNetMidBlock2D"),
    "koala-1b": XL | dict(layers_per_block=1, transformer_layers_per_block=[1, 2, 6]),
    "koala-700m": XL | dict(layers_per_block=1, transformer_layers_per_block=[1, 2, 5], mid_block_type=None),
}
INNER = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0", "conv2": "out_layers.3",
         "conv_shortcut": "skip_connection"}
ENDS = {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0", "conv_out": "out.2", "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2"}


def original(key, config):
    """What the original code calls diffusers' `key`: layers are counted through all levels."""
    head, _, leaf = key.rpartition(".")
    if head in ENDS:
        return f"{ENDS[head]}.{leaf}"
    part, per = key.split("."), config["layers_per_block"] + 1
    at = 1 if part[0] == "mid_block" else 2
    kind, number, rest = part[at], int(part[at + 1]), part[at + 2:]
    inner = ".".join([INNER[rest[0]], *rest[1:]] if kind == "resnets" else rest)
    if part[0] == "mid_block":
        return f"middle_block.{2 * number if kind == 'resnets' else 1}.{inner}"
    level, slot = int(part[1]), int(kind == "attentions")
    if part[0] == "down_blocks":
        if kind == "downsamplers":
            return f"input_blocks.{(level + 1) * per}.0.op.{leaf}"
        return f"input_blocks.{1 + level * per + number}.{slot}.{inner}"
    if kind == "upsamplers":
        return f"output_blocks.{level * per + per - 1}.{1 + config['up_block_types'][level].startswith('Cross')}.conv.{leaf}"
    return f"output_blocks.{level * per + number}.{slot}.{inner}"


def write(path, lines):
    path.write_bytes(gzip.compress(("\n".join(sorted(lines)) + "\n").encode(), 9, mtime=0))


def main():
    for name, config in MODELS.items():
        with torch.device("meta"):
            unet = UNet2DConditionModel(**config)
        folder = FIXTURES / f"{name}-keys"
        folder.mkdir(exist_ok=True)
        whole = {k: v for k, v in unet.config.items() if k != "_use_default_values"}
        (folder / "unet.json").write_text(json.dumps(whole, sort_keys=True) + "\n")
        write(folder / "unet.txt.gz", [f"{key} {','.join(map(str, value.shape))}" for key, value in unet.named_parameters()])
        keys = {original(key, whole): key for key, _ in unet.named_parameters()}
        assert len(keys) == len(list(unet.named_parameters())), name
        order = list(keys)
        numbered = {"model.diffusion_model." + key: torch.tensor([float(n)]) for n, key in enumerate(order)}
        converted = convert_ldm_unet_checkpoint(numbered, config=whole)
        assert {order[int(n)]: key for key, n in converted.items()} == keys, f"{name}: {len(converted)} of {len(keys)}"
        write(folder / "unet-ldm.txt.gz", [f"{key} {value}" for key, value in keys.items()])
        print(f"{name:14} {len(keys)} tensors, {sum(p.numel() for p in unet.parameters()) / 1e6:.0f} M")


if __name__ == "__main__":
    main()
