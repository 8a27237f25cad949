"""Pictures that diffusers makes from a picture with the tiny Stable Diffusion of pipeline.py: fixtures/pipeline/img2img.*.

    python img2img.py VOCAB_JSON MERGES_TXT

The picture to begin with is a formula, which the test has too. Needs torch, diffusers, transformers, Pillow; last run with 2.11.0,
0.42.1, 5.23.0.
"""
import json
import sys

import numpy
import torch
from PIL import Image
from diffusers import StableDiffusionImg2ImgPipeline
from safetensors.torch import save_file

from pipeline import FIXTURE, SAMPLERS, build

# sampler, width, height, seed, steps, guidance, denoise
CASES = [("DDIM", 64, 64, 0, 4, 5.0, 0.75), ("Euler", 104, 72, 7, 5, 7.5, 0.5), ("Euler a", 72, 104, 3, 6, 2.0, 1.0),
         ("DPM++ 2M", 64, 64, 9007199254740991, 16, 3.0, 0.4), ("DPM++ 2M Karras", 64, 64, 5, 10, 5.0, 0.66), ("DDIM", 64, 64, 11, 10, 1.0, 0.1)]


def picture(width, height):
    y, x = numpy.mgrid[0:height, 0:width]
    return Image.fromarray(numpy.stack([x * 3 % 256, y * 5 % 256, (x * y) % 256], -1).astype("uint8"))


@torch.no_grad()
def main():
    tiny = build(*sys.argv[1:3])
    config = json.loads((FIXTURE / "scheduler" / "scheduler_config.json").read_text())
    pipe = StableDiffusionImg2ImgPipeline(**tiny.components, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    out, cases = {}, []
    for n, (sampler, width, height, seed, steps, cfg, denoise) in enumerate(CASES):
        cls, extra = SAMPLERS[sampler]
        pipe.scheduler = cls.from_config({k: v for k, v in config.items() if k != "_class_name"}, **extra)
        found = pipe(prompt="a red apple", negative_prompt="blurry", image=picture(width, height), strength=denoise, num_inference_steps=steps,
                     guidance_scale=cfg, generator=torch.Generator("cpu").manual_seed(seed), output_type="np").images[0]
        out[f"{n}.picture"] = torch.from_numpy((found * 255).round().astype("uint8"))
        print(f"{n} {sampler:16} {width}x{height} denoise {denoise} picture {found.mean():.3f} ± {found.std():.3f}")
        cases.append(dict(sampler=sampler, width=width, height=height, seed=seed, steps=steps, cfg_scale=cfg, prompt="a red apple",
                          negative="blurry", denoise=denoise))
    save_file({k: v.contiguous() for k, v in out.items()}, FIXTURE / "img2img.safetensors")
    (FIXTURE / "img2img.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
