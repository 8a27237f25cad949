"""Latents that diffusers' StableDiffusionPAGPipeline makes with the tiny UNet of fixtures/pipeline: fixtures/pipeline/pag.safetensors.

    python pag.py

Prompts are noise of torch's CPU generator (seeds 11 and 12) in place of encodings, so that neither tokenizer nor text encoder is
needed. The cases are in daemon/engine/tests/pipeline.rs too. Last run with torch 2.11.0, diffusers 0.42.1.
"""
import json
import pathlib

import torch
from diffusers import AutoencoderKL, DDIMScheduler, EulerDiscreteScheduler, StableDiffusionPAGPipeline, UNet2DConditionModel
from safetensors.torch import save_file

from fill import fill

FIXTURE = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "pipeline"
# sampler, guidance, rescale, pag
CASES = [(DDIMScheduler, 5.0, 0.0, 3.0), (EulerDiscreteScheduler, 1.0, 0.0, 2.0), (EulerDiscreteScheduler, 7.5, 0.7, 0.5)]


def config(name):
    return {k: v for k, v in json.loads((FIXTURE / name).read_text()).items() if not k.startswith("_")}


@torch.no_grad()
def main():
    unet = fill(UNet2DConditionModel(**config("unet/config.json")))
    vae = AutoencoderKL(**config("vae/config.json"))
    encoded = lambda seed: torch.randn(1, 77, 32, generator=torch.Generator("cpu").manual_seed(seed))
    out = {}
    for n, (scheduler, cfg, rescale, pag) in enumerate(CASES):
        pipe = StableDiffusionPAGPipeline(vae=vae, text_encoder=None, tokenizer=None, unet=unet, safety_checker=None, feature_extractor=None,
                                          scheduler=scheduler.from_config(config("scheduler/scheduler_config.json")),
                                          requires_safety_checker=False, pag_applied_layers="mid")
        pipe.set_progress_bar_config(disable=True)
        run = dict(prompt_embeds=encoded(11), negative_prompt_embeds=encoded(12), width=192, height=256, num_inference_steps=4, output_type="latent")
        latents = lambda scale: pipe(**run, guidance_scale=cfg, guidance_rescale=rescale, pag_scale=scale,
                                     generator=torch.Generator("cpu").manual_seed(5)).images
        out[str(n)] = latents(pag)
        print(n, scheduler.__name__, f"changes by {(out[str(n)] - latents(0.0)).abs().max():.4f}, mean {out[str(n)].abs().mean():.3f}")
    save_file({k: v.contiguous() for k, v in out.items()}, FIXTURE / "pag.safetensors")


if __name__ == "__main__":
    main()
