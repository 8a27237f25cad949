"""Kinds of tiny models that diffusers' other pipelines run: fixtures/families/{sdxl-inpaint,sdxl-edit,cosxl-edit,lcm} and the sizes and
scores that SDXL and its refiner are told, fixtures/families/told.*.

    python kinds.py VOCAB_JSON MERGES_TXT

Built as those of families.py are. sdxl-inpaint: a UNet with 9 channels in StableDiffusionXLInpaintPipeline; sdxl-edit and cosxl-edit:
one with 8 in StableDiffusionXLInstructPix2PixPipeline, the second with EDM's noise and is_cosxl_edit; lcm: the model of pipeline.py with
a UNet that is told its guidance (time_cond_proj_dim) in LatentConsistencyModelPipeline. Needs torch, diffusers, transformers, Pillow;
last run with 2.11.0, 0.42.1, 5.23.0.
"""
import json
import sys

import numpy
import torch
from PIL import Image
from diffusers import (EDMEulerScheduler, EulerDiscreteScheduler, LatentConsistencyModelPipeline, LCMScheduler, StableDiffusionXLImg2ImgPipeline,
                       StableDiffusionXLInpaintPipeline, StableDiffusionXLInstructPix2PixPipeline, StableDiffusionXLPipeline, UNet2DConditionModel)
from safetensors.torch import save_file

import families
import pipeline
from families import APPLE, BETAS, FIXTURES, MODELS, XL, picture, write_folder
from fill import fill
from inpaint import hard

SMALL = XL | dict(layers_per_block=1)
MODELS |= {"sdxl-inpaint": (SMALL | dict(in_channels=9), {}, {}), "sdxl-edit": (SMALL | dict(in_channels=8), {}, {}),
           "cosxl-edit": (SMALL | dict(in_channels=8), {}, {})}
families.EDM["cosxl-edit"] = families.EDM["cosxl"]
families.CASES["cosxl-edit"] = [("Euler",)]
PIPELINES = {"sdxl-inpaint": StableDiffusionXLInpaintPipeline, "sdxl-edit": StableDiffusionXLInstructPix2PixPipeline,
             "cosxl-edit": StableDiffusionXLInstructPix2PixPipeline}
# width, height, seed, steps, guidance, negative prompt, denoise, mask
CASES = {"sdxl-inpaint": [(64, 64, 0, 4, 5.0, "blurry", 1.0, (16, 8, 48, 40)), (72, 64, 7, 6, 7.5, "", 0.5, (13, 9, 49, 41))],
         "sdxl-edit": [(64, 64, 6, 4, 7.5, "blurry", 1.0, None), (72, 64, 8, 3, 1.0, "", 1.0, None)],
         "cosxl-edit": [(64, 64, 6, 4, 5.0, "blurry", 1.0, None)]}
LCM = [(64, 64, 0, 4, 8.5), (72, 64, 7, 2, 1.0)]
# pipeline, guidance, what is told
TOLD = [("sdxl", 5.0, dict(original_size=(512, 768), crops_coords_top_left=(32, 64), target_size=(1024, 960))),
        ("sdxl", 5.0, dict(original_size=(256, 256))),
        ("sdxl-refiner", 5.0, dict(aesthetic_score=8.5, negative_aesthetic_score=1.5, original_size=(512, 512), crops_coords_top_left=(8, 4)))]


def kind(name, vocab, merges):
    pipe = families.build(name, vocab, merges)
    more = dict(is_cosxl_edit=True) if name == "cosxl-edit" else {}
    made = PIPELINES[name](**{k: v for k, v in pipe.components.items() if v is not None}, **more)
    made.set_progress_bar_config(disable=True)
    folder = FIXTURES / name
    write_folder(folder, made, name)
    if more:
        index = json.loads((folder / "model_index.json").read_text()) | more
        (folder / "model_index.json").write_text(json.dumps(index, sort_keys=True, indent=1) + "\n")
    out, cases = {}, []
    for n, (width, height, seed, steps, cfg, negative, denoise, rect) in enumerate(CASES[name]):
        made.scheduler = EDMEulerScheduler(**families.EDM[name]) if name in families.EDM else EulerDiscreteScheduler(**BETAS)
        given = picture(width, height)
        run = dict(prompt=APPLE, negative_prompt=negative or None, image=given, num_inference_steps=steps, guidance_scale=cfg,
                   generator=torch.Generator("cpu").manual_seed(seed), output_type="np")
        if rect:
            mask = hard(width, height, rect)
            run |= dict(mask_image=Image.fromarray(mask), strength=denoise, width=width, height=height)
        else:
            run |= dict(image_guidance_scale=1.5, width=width, height=height)
        found = (made(**run).images[0] * 255).round().astype("uint8")
        if rect:
            found = numpy.where(mask[:, :, None] == 255, found, numpy.asarray(given))
        out[f"{n}.picture"] = torch.from_numpy(found)
        print(f"{name:12} {n} {width}x{height} picture {found.mean():.1f} ± {found.std():.1f}")
        cases.append(dict(sampler="Euler", width=width, height=height, seed=seed, steps=steps, cfg_scale=cfg, prompt=APPLE, negative=negative,
                          denoise=denoise, mask=rect))
    save_file({k: v.contiguous() for k, v in out.items()}, folder / "expected.safetensors")
    (folder / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


def lcm(vocab, merges):
    tiny = pipeline.build(vocab, merges)
    config = {key: value for key, value in tiny.unet.config.items() if not key.startswith("_")}
    unet = fill(UNet2DConditionModel(**{**config, "time_cond_proj_dim": 32}))
    scheduler = LCMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", set_alpha_to_one=True, steps_offset=1)
    made = LatentConsistencyModelPipeline(**{**tiny.components, "unet": unet, "scheduler": scheduler}, requires_safety_checker=False)
    made.set_progress_bar_config(disable=True)
    folder = FIXTURES / "lcm"
    folder.mkdir(parents=True, exist_ok=True)
    out, cases = {}, []
    for n, (width, height, seed, steps, cfg) in enumerate(LCM):
        run = dict(prompt=APPLE, width=width, height=height, num_inference_steps=steps, guidance_scale=cfg)
        make = lambda kind: made(**run, generator=torch.Generator("cpu").manual_seed(seed), output_type=kind).images
        found = (make("np")[0] * 255).round().astype("uint8")
        out[f"{n}.latents"], out[f"{n}.picture"] = make("latent"), torch.from_numpy(found)
        print(f"lcm {n} {width}x{height} guidance {cfg} picture {found.mean():.1f} ± {found.std():.1f}")
        cases.append(dict(sampler="LCM", width=width, height=height, seed=seed, steps=steps, cfg_scale=cfg, prompt=APPLE, negative=""))
    save_file({k: v.contiguous() for k, v in out.items()}, folder / "expected.safetensors")
    (folder / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
    (folder / "scheduler_config.json").write_text(json.dumps({"_class_name": "LCMScheduler"} | {k: v for k, v in scheduler.config.items() if not k.startswith("_")}, indent=1) + "\n")


def told(vocab, merges):
    out = {}
    for n, (name, cfg, says) in enumerate(TOLD):
        pipe = families.build(name, vocab, merges)
        pipe.scheduler = EulerDiscreteScheduler(**BETAS)
        run = dict(prompt=APPLE, negative_prompt="blurry", num_inference_steps=4, guidance_scale=cfg, generator=torch.Generator("cpu").manual_seed(n))
        run |= dict(width=64, height=64) if name == "sdxl" else dict(image=picture(64, 64), strength=0.5)
        latents = pipe(**run, **says, output_type="latent").images
        out[f"{n}.latents"] = latents
        print(f"told {n} {name} latents {latents.abs().mean():.3f}")
    save_file({k: v.contiguous() for k, v in out.items()}, FIXTURES / "told.safetensors")


@torch.no_grad()
def main():
    vocab, merges = sys.argv[1:]
    for name in PIPELINES:
        kind(name, vocab, merges)
    lcm(vocab, merges)
    told(vocab, merges)


if __name__ == "__main__":
    main()
