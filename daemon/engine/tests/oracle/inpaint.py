"""Pictures of which diffusers changes a part, with the tiny Stable Diffusion of pipeline.py: fixtures/pipeline/inpaint.*.

    python inpaint.py VOCAB_JSON MERGES_TXT

Four kinds of models and ways: an ordinary UNet (StableDiffusionInpaintPipeline with 4 channels), one for inpainting (9 channels), one that
edits a picture (StableDiffusionInstructPix2PixPipeline, 8 channels), and a soft mask on an ordinary one: the loop of diffusers' community
pipeline_stable_diffusion_xl_differential_img2img, steps i from 0 of n, with the original of level i where 1 − mask > i/n. Picture and
mask are formulas, which the test has too. Where a hard mask is black the picture is the given one; under a
soft one it is mixed with it by twice the mask. Needs torch, diffusers,
transformers, Pillow; last run with 2.11.0, 0.42.1, 5.23.0.
"""
import json
import sys

import numpy
import torch
from PIL import Image
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline, StableDiffusionInstructPix2PixPipeline, UNet2DConditionModel
from safetensors.torch import save_file

from fill import fill
from img2img import picture
from pipeline import FIXTURE, SAMPLERS, build

# kind, sampler, width, height, seed, steps, guidance, denoise, [left, top, right, bottom] of the mask
CASES = [("plain", "DDIM", 64, 64, 0, 4, 5.0, 0.75, (16, 8, 48, 40)), ("plain", "Euler", 104, 72, 7, 5, 7.5, 1.0, (24, 16, 104, 56)),
         ("plain", "Euler a", 64, 64, 3, 6, 2.0, 0.67, (0, 0, 32, 64)), ("plain", "DPM++ 2M", 64, 64, 9, 8, 3.0, 0.5, (8, 8, 56, 56)),
         ("plain", "DPM++ 2M Karras", 64, 64, 5, 6, 1.0, 1.0, (16, 16, 40, 64)),
         ("fills", "DDIM", 64, 64, 1, 4, 5.0, 1.0, (13, 9, 49, 41)), ("fills", "Euler", 72, 64, 2, 6, 7.5, 0.5, (13, 9, 49, 41)),
         ("fills", "Euler a", 64, 64, 4, 4, 1.0, 0.8, (30, 0, 64, 33)),
         ("edits", "Euler", 64, 64, 6, 4, 7.5, 1.0, None), ("edits", "DDIM", 72, 64, 8, 3, 3.0, 1.0, None), ("edits", "Euler", 64, 64, 6, 3, 1.0, 1.0, None),
         ("soft", "Euler", 64, 64, 10, 8, 5.0, 1.0, None), ("soft", "DDIM", 64, 64, 12, 10, 1.0, 0.6, None)]
CHANNELS = {"plain": 4, "fills": 9, "edits": 8, "soft": 4}


def hard(width, height, rect):
    y, x = numpy.mgrid[0:height, 0:width]
    left, top, right, bottom = rect
    return ((x >= left) & (x < right) & (y >= top) & (y < bottom)).astype("uint8") * 255


def cells(width, height):
    """A grey for each latent, 0 to 255 in steps of 17."""
    y, x = numpy.mgrid[0:height // 8, 0:width // 8]
    return ((x * 3 + y * 5) % 16 * 17).astype("uint8")


def unet(tiny, channels):
    config = {key: value for key, value in tiny.unet.config.items() if not key.startswith("_")}
    return fill(UNet2DConditionModel(**{**config, "in_channels": channels}))


def differential(pipe, image, width, height, seed, steps, cfg, strength):
    """Latents of an ordinary image-to-image run in which parts of the original are let go one after the other."""
    generator = torch.Generator("cpu").manual_seed(seed)
    positive, negative = pipe.encode_prompt("a red apple", "cpu", 1, True, "blurry")
    pipe.scheduler.set_timesteps(steps)
    run = int(steps * strength)
    timesteps = pipe.scheduler.timesteps[steps - run:]
    pixels = pipe.image_processor.preprocess(image)
    original = pipe.vae.encode(pixels).latent_dist.sample(generator) * pipe.vae.config.scaling_factor
    noise = torch.randn(original.shape, generator=generator)
    noised = [pipe.scheduler.add_noise(original, noise, t[None]) for t in timesteps]
    # Only now: once a scheduler knows where it begins, add_noise adds that level's noise whatever it is asked for.
    if hasattr(pipe.scheduler, "set_begin_index"):
        pipe.scheduler.set_begin_index(steps - run)
    stays = 1 - torch.from_numpy(cells(width, height).astype("float32") / 255)
    latents = noised[0]
    for i, t in enumerate(timesteps):
        if i:
            kept = (stays > i / run).float()
            latents = noised[i] * kept + latents * (1 - kept)
        seen = pipe.scheduler.scale_model_input(latents, t)
        said = pipe.unet(seen, t, encoder_hidden_states=positive).sample
        if cfg > 1:
            without = pipe.unet(seen, t, encoder_hidden_states=negative).sample
            said = without + cfg * (said - without)
        latents = pipe.scheduler.step(said, t, latents).prev_sample
    decoded = pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample
    return pipe.image_processor.postprocess(decoded, output_type="np")[0]


@torch.no_grad()
def main():
    tiny = build(*sys.argv[1:3])
    config = json.loads((FIXTURE / "scheduler" / "scheduler_config.json").read_text())
    out, cases = {}, []
    for n, (kind, sampler, width, height, seed, steps, cfg, denoise, rect) in enumerate(CASES):
        parts = {**tiny.components, "unet": unet(tiny, CHANNELS[kind])}
        cls, extra = SAMPLERS[sampler]
        parts["scheduler"] = cls.from_config({k: v for k, v in config.items() if k != "_class_name"}, **extra)
        given = picture(width, height)
        run = dict(prompt="a red apple", negative_prompt="blurry", image=given, num_inference_steps=steps, guidance_scale=cfg,
                   generator=torch.Generator("cpu").manual_seed(seed), output_type="np")
        if kind == "soft":
            pipe = StableDiffusionImg2ImgPipeline(**parts, requires_safety_checker=False)
            found = differential(pipe, given, width, height, seed, steps, cfg, denoise)
        elif kind == "edits":
            pipe = StableDiffusionInstructPix2PixPipeline(**parts, requires_safety_checker=False)
            pipe.set_progress_bar_config(disable=True)
            found = pipe(**run, image_guidance_scale=1.5).images[0]
        else:
            pipe = StableDiffusionInpaintPipeline(**parts, requires_safety_checker=False)
            pipe.set_progress_bar_config(disable=True)
            mask = hard(width, height, rect)
            found = pipe(**run, mask_image=Image.fromarray(mask), strength=denoise, width=width, height=height).images[0]
        found = (found * 255).round().astype("uint8")
        if kind == "soft":
            share = numpy.minimum(cells(width, height).repeat(8, 0).repeat(8, 1).astype(int) * 2, 255)[:, :, None]
            found = ((found * share + numpy.asarray(given) * (255 - share) + 127) // 255).astype("uint8")
        if rect:
            found = numpy.where(mask[:, :, None] == 255, found, numpy.asarray(given))
        out[f"{n}.picture"] = torch.from_numpy(found)
        print(f"{n} {kind:6} {sampler:16} {width}x{height} denoise {denoise} picture {found.mean():.1f} ± {found.std():.1f}")
        cases.append(dict(kind=kind, sampler=sampler, width=width, height=height, seed=seed, steps=steps, cfg_scale=cfg, prompt="a red apple",
                          negative="blurry", denoise=denoise, mask=rect))
    save_file({k: v.contiguous() for k, v in out.items()}, FIXTURE / "inpaint.safetensors")
    (FIXTURE / "inpaint.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
