"""Names and shapes of every tensor of Stable Diffusion 1.5, with its configs: fixtures/sd15-keys.

    python sd15_keys.py

Needs torch, diffusers, transformers. Dimensions are those of the published configs; no weights are made (meta device).
"""
import gzip
import json
import pathlib

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "sd15-keys"


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    with torch.device("meta"):
        unet = UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8, sample_size=64)
        vae = AutoencoderKL(block_out_channels=[128, 256, 512, 512], layers_per_block=2, sample_size=512,
                            down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4)
        text = CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12))
    for name, model, prefix in (("unet", unet, ""), ("vae", vae, ""), ("text_encoder", text, "text_model.")):
        config = model.config.to_dict() if name == "text_encoder" else dict(model.config)
        config.pop("_use_default_values", None)
        (FOLDER / f"{name}.json").write_text(json.dumps(config, sort_keys=True) + "\n")
        lines = [f"{prefix}{key} {','.join(map(str, value.shape))}" for key, value in model.named_parameters()]
        with open(FOLDER / f"{name}.txt.gz", "wb") as f:
            f.write(gzip.compress(("\n".join(sorted(lines)) + "\n").encode(), 9, mtime=0))
        print(name, len(lines), sum(p.numel() for p in model.parameters()))


if __name__ == "__main__":
    main()
