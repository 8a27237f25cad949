"""A tiny Stable Diffusion 1.x and the pictures diffusers makes with it: fixtures/pipeline.

    python pipeline.py VOCAB_JSON MERGES_TXT

The two files are OpenAI CLIP's (openai/clip-vit-large-patch14). Writes the folder without weights and without a tokenizer
(the test fills the weights by name and uses the built-in tokenizer), and expected.safetensors: token ids, embeddings, and for
each case its latents and its picture as 8-bit RGB. Needs torch, diffusers, transformers; last run with 2.11.0, 0.42.1, 5.23.0.
"""
import json
import pathlib
import sys

import torch
from diffusers import (AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler,
                       EulerDiscreteScheduler, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel)
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from fill import fill

FIXTURE = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "pipeline"
SAMPLERS = {"DDIM": (DDIMScheduler, {}), "Euler": (EulerDiscreteScheduler, {}), "Euler a": (EulerAncestralDiscreteScheduler, {}),
            "DPM++ 2M": (DPMSolverMultistepScheduler, {}), "DPM++ 2M Karras": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True})}
# sampler, width, height, seed, steps, guidance, prompt, negative prompt
CASES = [(s, 64, 64, 0, 4, 5.0, "a photograph of a red apple, highly detailed", "blurry") for s in SAMPLERS]
CASES += [("Euler", 104, 72, 7, 5, 7.5, "a fox", ""), ("DDIM", 72, 104, 9007199254740991, 3, 1.0, "", "unused"),
          ("DPM++ 2M", 104, 72, 123456789, 16, 3.0, "Ünïcödé 🦊 " + "word " * 100, "low quality, "), ("Euler a", 64, 64, 4294967295, 6, 2.0, "x", "y")]


def build(vocab, merges):
    unet = fill(UNet2DConditionModel(sample_size=8, block_out_channels=(32, 64, 64, 64), layers_per_block=1, attention_head_dim=4,
                                     cross_attention_dim=32, norm_num_groups=8))
    vae = fill(AutoencoderKL(down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
                             block_out_channels=(16, 32, 32, 32), layers_per_block=1, latent_channels=4, sample_size=64,
                             norm_num_groups=8, scaling_factor=0.18215))
    text = fill(CLIPTextModel(CLIPTextConfig(hidden_size=32, intermediate_size=128, num_hidden_layers=3, num_attention_heads=4,
                                             vocab_size=49408, hidden_act="quick_gelu", bos_token_id=49406, eos_token_id=49407)),
                prefix="text_model.")
    tokenizer = CLIPTokenizer(vocab, merges)
    tokenizer.model_max_length = 77
    scheduler = PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", set_alpha_to_one=False,
                              skip_prk_steps=True, steps_offset=1)
    pipe = StableDiffusionPipeline(vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, scheduler=scheduler,
                                   safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def write_folder(pipe):
    """The published layout without what the test makes itself."""
    FIXTURE.mkdir(parents=True, exist_ok=True)
    index = {"_class_name": "StableDiffusionPipeline", "scheduler": ["diffusers", "PNDMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
             "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
             "safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False}
    # Published SD 1.5 says no more than this: what is absent is each scheduler's own default.
    scheduler = {"_class_name": "PNDMScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
                 "num_train_timesteps": 1000, "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1, "trained_betas": None, "clip_sample": False}
    files = {"model_index.json": index, "scheduler/scheduler_config.json": scheduler, "unet/config.json": dict(pipe.unet.config),
             "vae/config.json": dict(pipe.vae.config), "text_encoder/config.json": pipe.text_encoder.config.to_dict()}
    for name, content in files.items():
        path = FIXTURE / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, sort_keys=True, indent=1, default=str) + "\n")
    return scheduler


@torch.no_grad()
def main():
    pipe = build(*sys.argv[1:3])
    config = write_folder(pipe)
    out, cases = {}, []
    for n, (sampler, width, height, seed, steps, cfg, prompt, negative) in enumerate(CASES):
        cls, extra = SAMPLERS[sampler]
        pipe.scheduler = cls.from_config({k: v for k, v in config.items() if k != "_class_name"}, **extra)
        run = dict(prompt=prompt, negative_prompt=negative, width=width, height=height, num_inference_steps=steps, guidance_scale=cfg)
        latents = pipe(**run, generator=torch.Generator("cpu").manual_seed(seed), output_type="latent").images
        picture = pipe(**run, generator=torch.Generator("cpu").manual_seed(seed), output_type="np").images[0]
        out[f"{n}.latents"] = latents
        out[f"{n}.picture"] = torch.from_numpy((picture * 255).round().astype("uint8"))
        saturated = ((picture == 0) | (picture == 1)).mean()
        print(f"{n} {sampler:16} {width}x{height} latents {latents.abs().mean():.3f} picture {picture.mean():.3f} ± {picture.std():.3f} saturated {saturated:.3f}")
        cases.append(dict(sampler=sampler, width=width, height=height, seed=seed, steps=steps, cfg_scale=cfg, prompt=prompt, negative=negative))
    save_file({k: v.contiguous() for k, v in out.items()}, FIXTURE / "expected.safetensors")
    (FIXTURE / "cases.json").write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
