"""Tiny Stable Diffusion models and what diffusers computes with them: fixtures/sd15, fixtures/sd15-mixed.

    python sd15.py

Needs torch, diffusers, safetensors. Last run with diffusers 0.42.1, torch 2.11.0.
"""
import json
import pathlib

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file

from fill import fill

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
DOWN, CROSS_DOWN = "DownBlock2D", "CrossAttnDownBlock2D"
UP, CROSS_UP = "UpBlock2D", "CrossAttnUpBlock2D"

MODELS = {
    # As Stable Diffusion 1.5, narrower.
    "sd15": dict(
        unet=dict(in_channels=4, out_channels=4, block_out_channels=[8, 16, 16, 16], layers_per_block=2, attention_head_dim=2,
                  cross_attention_dim=12, norm_num_groups=4, sample_size=8),
        vae=dict(block_out_channels=[8, 16, 16, 16], layers_per_block=2, norm_num_groups=4, sample_size=64, latent_channels=4),
    ),
    # Everything that Stable Diffusion 2 and the smaller models do otherwise.
    "sd15-mixed": dict(
        unet=dict(in_channels=5, out_channels=3, block_out_channels=[8, 16, 24], layers_per_block=[1, 2, 1],
                  attention_head_dim=[1, 2, 3], cross_attention_dim=10, norm_num_groups=2, norm_eps=0.05,
                  down_block_types=[DOWN, CROSS_DOWN, CROSS_DOWN], up_block_types=[CROSS_UP, CROSS_UP, UP],
                  transformer_layers_per_block=[1, 2, 3], use_linear_projection=True, upcast_attention=True, flip_sin_to_cos=False,
                  freq_shift=1, downsample_padding=0, conv_in_kernel=5, conv_out_kernel=1, sample_size=[8, 12]),
        vae=dict(block_out_channels=[4, 8, 12], layers_per_block=1, norm_num_groups=4, sample_size=32, latent_channels=3,
                 mid_block_add_attention=False, use_quant_conv=False, use_post_quant_conv=False, scaling_factor=0.5, shift_factor=0.25),
    ),
}


@torch.no_grad()
def main():
    for name, config in MODELS.items():
        generator = torch.Generator("cpu").manual_seed(7)
        randn = lambda *shape: torch.randn(shape, generator=generator)
        unet = fill(UNet2DConditionModel(**config["unet"]))
        levels = len(config["vae"]["block_out_channels"])
        vae = config["vae"]
        vae = fill(AutoencoderKL(down_block_types=["DownEncoderBlock2D"] * levels, up_block_types=["UpDecoderBlock2D"] * levels, **vae))
        channels, width = unet.config.in_channels, unet.config.cross_attention_dim
        out = {"prompt": randn(2, 7, width)}
        for shape, timestep in (((8, 8), 500), ((13, 9), 981.5)):
            key = "x".join(map(str, shape))
            out[f"latents.{key}"] = randn(2, channels, *shape)
            out[f"unet.{key}"] = unet(out[f"latents.{key}"], torch.tensor(timestep), out["prompt"]).sample
        # Small inputs, so that what is added to variances shows.
        out["block"] = 0.003 * randn(2, unet.config.block_out_channels[-1], 5, 3)
        out["temb"] = 0.003 * randn(2, unet.config.block_out_channels[0] * 4)
        out["resnet"] = unet.mid_block.resnets[0](out["block"], out["temb"])
        out["attention"] = unet.mid_block.attentions[0](out["block"], out["prompt"]).sample
        out["vae_block"] = 0.003 * randn(2, vae.config.block_out_channels[-1], 5, 3)
        out["vae_middle"] = vae.decoder.mid_block(out["vae_block"])
        out["z"] = randn(2, vae.config.latent_channels, 5, 3)
        out["decoded"] = vae.decode(out["z"]).sample
        out["picture"] = randn(2, 3, 40, 24)
        posterior = vae.encode(out["picture"]).latent_dist
        out["mean"], out["logvar"] = posterior.mean, posterior.logvar
        folder = FIXTURES / name
        folder.mkdir(parents=True, exist_ok=True)
        for part, model in (("unet", unet), ("vae", vae)):
            config = {k: v for k, v in model.config.items() if k != "_use_default_values"}
            (folder / f"{part}.json").write_text(json.dumps(config, sort_keys=True, indent=1) + "\n")
        save_file({k: v.contiguous() for k, v in out.items()}, folder / "expected.safetensors")
        for key, value in out.items():
            print(f"{name:12} {key:16} {tuple(value.shape)} mean|x| {value.abs().mean():.4f} max {value.abs().max():.3f}")


if __name__ == "__main__":
    main()
