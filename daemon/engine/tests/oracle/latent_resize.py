"""Pictures that begin with latents of a picture of another size, with the tiny Stable Diffusion of pipeline.py:
fixtures/pipeline/latent-resize.*.

    python latent_resize.py VOCAB_JSON MERGES_TXT

A1111's "Just resize (latent upscale)": the picture is encoded at its own size, its latents are stretched by torch's interpolate, and
StableDiffusionImg2ImgPipeline goes on with them. Needs torch, diffusers, transformers, Pillow; last run with 2.11.0, 0.42.1, 5.23.0.
"""
import json
import sys

import torch
from diffusers import StableDiffusionImg2ImgPipeline
from safetensors.torch import save_file

from img2img import picture
from pipeline import FIXTURE, SAMPLERS, build

# sampler, the picture's width and height, width, height, seed, steps, guidance, denoise
CASES = [("DDIM", 104, 72, 64, 64, 0, 4, 5.0, 0.75), ("Euler a", 40, 67, 72, 96, 7, 4, 3.0, 0.5)]


@torch.no_grad()
def main():
    tiny = build(*sys.argv[1:3])
    config = json.loads((FIXTURE / "scheduler" / "scheduler_config.json").read_text())
    pipe = StableDiffusionImg2ImgPipeline(**tiny.components, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    out, cases = {}, []
    for n, (sampler, w, h, width, height, seed, steps, cfg, denoise) in enumerate(CASES):
        cls, extra = SAMPLERS[sampler]
        pipe.scheduler = cls.from_config({k: v for k, v in config.items() if k != "_class_name"}, **extra)
        generator = torch.Generator("cpu").manual_seed(seed)
        given = picture(w, h).crop((0, 0, w // 8 * 8, h // 8 * 8))
        latents = pipe.vae.encode(pipe.image_processor.preprocess(given)).latent_dist.sample(generator) * pipe.vae.config.scaling_factor
        latents = torch.nn.functional.interpolate(latents, size=(height // 8, width // 8), mode="bilinear")
        found = pipe(prompt="a red apple", negative_prompt="blurry", image=latents, strength=denoise, num_inference_steps=steps,
                     guidance_scale=cfg, generator=generator, output_type="np").images[0]
        out[f"{n}.picture"] = torch.from_numpy((found * 255).round().astype("uint8"))
        cases.append(dict(sampler=sampler, width=width, height=height, seed=seed, steps=steps, cfg_scale=cfg, prompt="a red apple",
                          negative="blurry", denoise=denoise, given=[w, h]))
    save_file({k: v.contiguous() for k, v in out.items()}, FIXTURE / "latent-resize.safetensors")
    (FIXTURE / "latent-resize.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
