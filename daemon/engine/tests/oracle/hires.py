"""Pictures that are enlarged and denoised again, with the tiny Stable Diffusion of pipeline.py: fixtures/pipeline/hires.*.

    python hires.py VOCAB_JSON MERGES_TXT

Two calls of diffusers one after the other: StableDiffusionPipeline as far as latents, these enlarged by torch's interpolate or, by way of
pixels, by Pillow, and StableDiffusionImg2ImgPipeline with them. Steps are A1111's: so many run of steps / strength. Where both sides are
named, what stands out is cut off, as A1111 does it. Needs torch, diffusers, transformers, Pillow; last run with 2.11.0, 0.42.1, 5.23.0.
"""
import json
import sys

import torch
from PIL import Image
from diffusers import StableDiffusionImg2ImgPipeline
from safetensors.torch import save_file

from pipeline import FIXTURE, SAMPLERS, build

LATENT = {"Latent": ("bilinear", False), "Latent (antialiased)": ("bilinear", True), "Latent (bicubic)": ("bicubic", False),
          "Latent (bicubic antialiased)": ("bicubic", True), "Latent (nearest)": ("nearest", False), "Latent (nearest-exact)": ("nearest-exact", False)}
PILLOW = {"lanczos": Image.Resampling.LANCZOS, "bicubic": Image.Resampling.BICUBIC}
# sampler and the second's, width, height, seed, steps and the second's, guidance and the second's, strength, upscaler, enlarged to, cut to
CASES = [("DDIM", "DDIM", 64, 64, 0, 4, 0, 5.0, 5.0, 0.7, "Latent", (128, 128), (128, 128)),
         ("Euler", "DPM++ 2M", 64, 64, 7, 5, 3, 7.5, 3.0, 0.5, "Latent (antialiased)", (96, 96), (96, 96)),
         ("Euler a", "Euler a", 72, 64, 3, 4, 4, 1.0, 5.0, 0.6, "Latent (bicubic)", (144, 128), (144, 128)),
         ("DPM++ 2M", "DPM++ 2M Karras", 64, 72, 11, 4, 5, 3.0, 1.0, 1.0, "Latent (bicubic antialiased)", (96, 104), (96, 104)),
         ("DDIM", "Euler", 64, 96, 5, 3, 2, 5.0, 5.0, 0.8, "Latent (nearest)", (96, 144), (96, 96)),
         ("Euler", "Euler", 96, 64, 8, 3, 2, 5.0, 5.0, 0.4, "Latent (nearest-exact)", (144, 96), (104, 96)),
         ("DDIM", "DDIM", 64, 64, 2, 4, 3, 5.0, 5.0, 0.3, "lanczos", (128, 128), (128, 128)),
         ("Euler a", "Euler a", 64, 64, 4, 3, 2, 5.0, 5.0, 0.5, "bicubic", (96, 96), (96, 96))]


def with_sampler(pipe, config, sampler):
    cls, extra = SAMPLERS[sampler]
    pipe.scheduler = cls.from_config({k: v for k, v in config.items() if k != "_class_name"}, **extra)
    return pipe


@torch.no_grad()
def main():
    first = build(*sys.argv[1:3])
    config = json.loads((FIXTURE / "scheduler" / "scheduler_config.json").read_text())
    second = StableDiffusionImg2ImgPipeline(**first.components, requires_safety_checker=False)
    second.set_progress_bar_config(disable=True)
    words = dict(prompt="a red apple", negative_prompt="blurry")
    out, cases = {}, []
    for n, (sampler, again, w, h, seed, steps, more, cfg, cfg2, strength, upscaler, (wide, high), (cut_w, cut_h)) in enumerate(CASES):
        made = with_sampler(first, config, sampler)(**words, width=w, height=h, num_inference_steps=steps, guidance_scale=cfg, output_type="latent",
                                                    generator=torch.Generator("cpu").manual_seed(seed)).images
        if upscaler in LATENT:
            mode, antialias = LATENT[upscaler]
            image = torch.nn.functional.interpolate(made, size=(high // 8, wide // 8), mode=mode, antialias=antialias)
            over_w, over_h = (wide - cut_w) // 8, (high - cut_h) // 8
            image = image[:, :, over_h // 2:image.shape[2] - (over_h + 1) // 2, over_w // 2:image.shape[3] - (over_w + 1) // 2]
        else:
            pixels = first.vae.decode(made / first.vae.config.scaling_factor).sample
            image = first.image_processor.postprocess(pixels, output_type="pil")[0].resize((wide, high), PILLOW[upscaler])
        run = more or steps
        total = int(run / min(strength, 0.999))
        found = with_sampler(second, config, again)(**words, image=image, num_inference_steps=total, strength=min(run / total + 1e-6, 1), guidance_scale=cfg2,
                                                    generator=torch.Generator("cpu").manual_seed(seed), output_type="np").images[0]
        assert found.shape[:2] == (cut_h, cut_w), found.shape
        out[f"{n}.picture"] = torch.from_numpy((found * 255).round().astype("uint8"))
        print(f"{n} {sampler}, {again}: {run} of {total}, {upscaler}, picture {found.mean():.3f} ± {found.std():.3f}")
        size = dict(width=cut_w, height=cut_h) if (wide, high) != (cut_w, cut_h) else dict(scale=wide / w)
        if "scale" not in size or int(h * size["scale"]) // 8 * 8 != high:
            size = dict(width=cut_w, height=cut_h)
        cases.append(dict(sampler=sampler, width=w, height=h, seed=seed, steps=steps, cfg_scale=cfg, **words, negative="blurry",
                          hires=dict(**size, upscaler=upscaler, steps=more, denoise=strength, cfg_scale=cfg2), hires_sampler=again))
        del cases[-1]["negative_prompt"]
    save_file({k: v.contiguous() for k, v in out.items()}, FIXTURE / "hires.safetensors")
    (FIXTURE / "hires.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
