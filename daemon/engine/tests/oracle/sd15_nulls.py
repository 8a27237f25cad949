"""Tiny Stable Diffusion models whose configurations are written as converters and distillers write them, nulls and lists included,
and what diffusers computes with them: fixtures/sd15-nulls, fixtures/sd15-short.

    python sd15_nulls.py

Needs torch, diffusers, safetensors. Last run with diffusers 0.42.0, torch 2.11.0.
"""
import json
import pathlib

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file

from fill import fill

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
BLOCKS = dict(down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"], up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"])
VAE_BLOCKS = dict(down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2)
UNET = dict(block_out_channels=[8, 16], norm_num_groups=4, **BLOCKS)

MODELS = {
    # Nulls that are off, though the default of some is on; no middle; other depths on the way up.
    "sd15-nulls": dict(
        unet=dict(UNET, mid_block_type=None, flip_sin_to_cos=None, upcast_attention=None, use_linear_projection=None,
                  center_input_sample=None, dual_cross_attention=None, class_embeddings_concat=None, attention_type=None,
                  resnet_skip_time_act=None, resnet_out_scale_factor=None, sample_size=None, time_embedding_dim=20,
                  layers_per_block=[1, 1], attention_head_dim=[2, 2], cross_attention_dim=[12, 12],
                  only_cross_attention=[False, None], reverse_transformer_layers_per_block=[1, 2]),
        vae=dict(VAE_BLOCKS, block_out_channels=[8, 16], norm_num_groups=4, use_quant_conv=None, use_post_quant_conv=None,
                 mid_block_add_attention=None, force_upcast=None, shift_factor=None, sample_size=[16, 16]),
    ),
    # One residual block in the middle; values that change nothing in these blocks.
    "sd15-short": dict(
        unet=dict(UNET, mid_block_type="UNetMidBlock2D", freq_shift=0.5, layers_per_block=1, attention_head_dim=2,
                  cross_attention_dim=12, norm_eps=0, act_fn="SiLU", resnet_out_scale_factor=2.0, resnet_skip_time_act=True,
                  cross_attention_norm="layer_norm", mid_block_only_cross_attention=True, addition_time_embed_dim=8, dropout=0.1),
        vae=dict(VAE_BLOCKS, block_out_channels=[8, 16], norm_num_groups=4, act_fn="Swish", latents_mean=[0, 0, 0, 0],
                 latents_std=[1, 1, 1, 1]),
    ),
}


@torch.no_grad()
def main():
    for name, config in MODELS.items():
        generator = torch.Generator("cpu").manual_seed(7)
        randn = lambda *shape: torch.randn(shape, generator=generator)
        unet = fill(UNet2DConditionModel.from_config(config["unet"])).eval()
        vae = fill(AutoencoderKL.from_config(config["vae"])).eval()
        out = {"prompt": randn(2, 7, 12), "latents": randn(2, 4, 9, 6), "z": randn(2, 4, 5, 3), "picture": randn(2, 3, 12, 8)}
        out["unet"] = unet(out["latents"], torch.tensor(981.5), out["prompt"]).sample
        out["decoded"] = vae.decode(out["z"]).sample
        out["mean"] = vae.encode(out["picture"]).latent_dist.mean
        folder = FIXTURES / name
        folder.mkdir(parents=True, exist_ok=True)
        for part in ("unet", "vae"):
            (folder / f"{part}.json").write_text(json.dumps(config[part], sort_keys=True, indent=1) + "\n")
        save_file({k: v.contiguous() for k, v in out.items()}, folder / "expected.safetensors")
        for key, value in out.items():
            print(f"{name:12} {key:8} {tuple(value.shape)} mean|x| {value.abs().mean():.4f} max {value.abs().max():.3f}")


if __name__ == "__main__":
    main()
