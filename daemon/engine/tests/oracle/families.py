"""Tiny models of Stable Diffusion 2, SDXL, its refiner and its kin, and what diffusers makes with them: fixtures/families/*.

    python families.py VOCAB_JSON MERGES_TXT [NAME...]

The two files are OpenAI CLIP's (openai/clip-vit-large-patch14). Writes each model's folder without weights and without vocabularies
(the test fills the weights by name and uses the built-in tables), cases.json, and expected.safetensors: the prompts of the first case
encoded, one forward of its UNet, its picture before it is 8-bit; of every case the latents and the picture as 8-bit RGB. Needs torch,
diffusers, transformers; last run with 2.11.0, 0.42.1, 5.23.0.
"""
import json
import pathlib
import sys

import numpy
import torch
from PIL import Image
from diffusers import (AutoencoderKL, DPMSolverMultistepScheduler, EDMDPMSolverMultistepScheduler, EDMEulerScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler, StableDiffusionPipeline,
                       StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline, UNet2DConditionModel)
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from fill import fill

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "families"
DOWN, CROSS_DOWN, UP, CROSS_UP = "DownBlock2D", "CrossAttnDownBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"
SAMPLERS = {"Euler": EulerDiscreteScheduler, "Euler a": EulerAncestralDiscreteScheduler, "DPM++ 2M": DPMSolverMultistepScheduler}
APPLE = "a photograph of a red apple, highly detailed"
# Published scheduler_config.json of stable-diffusion-2-1 and stable-diffusion-xl-base-1.0, less what changes nothing.
BETAS = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000, steps_offset=1, timestep_spacing="leading")
XL = dict(block_out_channels=[32, 64, 64], layers_per_block=2, attention_head_dim=[2, 4, 4], cross_attention_dim=96, norm_num_groups=8, sample_size=8,
          use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=64 + 6 * 8,
          transformer_layers_per_block=[1, 2, 3], down_block_types=[DOWN, CROSS_DOWN, CROSS_DOWN], up_block_types=[CROSS_UP, CROSS_UP, UP])
# Those of playground-v2.5-1024px-aesthetic and cosxl, and the first one's moments of latents.
EDM = {"playground": dict(sigma_data=0.5, sigma_min=0.002, sigma_max=80.0, prediction_type="epsilon"),
       "cosxl": dict(sigma_data=1.0, sigma_min=0.002, sigma_max=120.0, prediction_type="v_prediction")}
MOMENTS = dict(scaling_factor=0.5, latents_mean=[-1.6574, 1.886, -1.383, 2.5155], latents_std=[8.4927, 5.9022, 6.5498, 5.2299])
EDM_SAMPLERS = {"Euler": EDMEulerScheduler, "DPM++ 2M": EDMDPMSolverMultistepScheduler}
# name: UNet, extra of the VAE, extra of the scheduler
MODELS = {
    "sd2": (dict(block_out_channels=[32, 64, 64, 64], layers_per_block=1, attention_head_dim=[2, 4, 4, 4], cross_attention_dim=32, norm_num_groups=8,
                 sample_size=8, use_linear_projection=True, upcast_attention=True), dict(scaling_factor=0.18215), dict(prediction_type="v_prediction")),
    "sdxl": (XL, {}, {}),
    "sdxl-refiner": (XL | dict(block_out_channels=[32, 64, 64, 64], attention_head_dim=[2, 4, 4, 4], cross_attention_dim=64, layers_per_block=1,
                               projection_class_embeddings_input_dim=64 + 5 * 8, transformer_layers_per_block=2,
                               down_block_types=[DOWN, CROSS_DOWN, CROSS_DOWN, DOWN], up_block_types=[UP, CROSS_UP, CROSS_UP, UP]), {}, {}),
    "ssd": (XL | dict(mid_block_type="UNetMidBlock2D", transformer_layers_per_block=[1, [2, 2], [2, 2]],
                      reverse_transformer_layers_per_block=[[2, 2, 3], [2, 1, 1], 1]), {}, {}),
    "koala": (XL | dict(layers_per_block=1, transformer_layers_per_block=[1, 2, 3], mid_block_type=None), {},
              dict(prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing")),
    "playground": (XL | dict(layers_per_block=1), MOMENTS, {}),
    "cosxl": (XL | dict(layers_per_block=1), {}, {}),
}
# sampler, width, height, seed, steps, guidance, prompt, negative prompt, denoise
CASES = {
    "sd2": [("Euler", 64, 64, 0, 4, 5.0, APPLE, "blurry", None), ("DPM++ 2M", 104, 72, 7, 5, 7.5, "a fox", "", None)],
    "sdxl": [("Euler", 64, 64, 0, 4, 5.0, APPLE, "blurry", None), ("Euler", 104, 72, 7, 5, 7.5, "a fox", "", None),
             ("Euler a", 72, 64, 3, 3, 2.0, "x", "y", None), ("DPM++ 2M", 64, 72, 5, 4, 1.0, "word " * 75, "unused", None),
             ("Euler", 64, 64, 11, 4, 5.0, APPLE, "", 0.75)],
    "sdxl-refiner": [("Euler", 64, 64, 0, 5, 5.0, APPLE, "blurry", 0.6), ("DPM++ 2M", 104, 72, 7, 6, 3.0, "a fox", "", 0.5)],
    "ssd": [("Euler", 64, 64, 0, 4, 5.0, APPLE, "blurry", None)],
    "koala": [("Euler", 64, 64, 0, 4, 5.0, APPLE, "blurry", None)],
    "playground": [("DPM++ 2M", 64, 64, 0, 5, 3.0, APPLE, "blurry", None), ("Euler", 64, 64, 7, 4, 3.0, "a fox", "", 0.75)],
    "cosxl": [("Euler", 64, 64, 0, 5, 3.0, APPLE, "blurry", None)],
}


def text(cls, width, act, eos, projection=None):
    config = CLIPTextConfig(hidden_size=width, intermediate_size=4 * width, num_hidden_layers=3, num_attention_heads=4, vocab_size=49408,
                            hidden_act=act, bos_token_id=49406, eos_token_id=eos, projection_dim=projection or 512)
    model = cls(config)
    bare = not any(name.startswith("text_model.") for name, _ in model.named_parameters())
    return fill(model, prefix="text_model." if bare else "")


def build(name, vocab, merges):
    unet, vae, scheduler = MODELS[name]
    xl, refiner = name != "sd2", name == "sdxl-refiner"
    vae = fill(AutoencoderKL(down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4, block_out_channels=[16, 32, 32, 32],
                             layers_per_block=1, latent_channels=4, sample_size=64, norm_num_groups=8, **({"scaling_factor": 0.13025} | vae)))
    tokenizers = {}
    for part, pad in (("tokenizer", "<|endoftext|>" if xl else "!"), ("tokenizer_2", "!")):
        tokenizers[part] = CLIPTokenizer(vocab, merges, pad_token=pad)
        tokenizers[part].model_max_length = 77
    parts = dict(vae=vae, unet=fill(UNet2DConditionModel(**unet)), scheduler=EulerDiscreteScheduler(**BETAS | scheduler), tokenizer=tokenizers["tokenizer"])
    if not xl:
        pipe = StableDiffusionPipeline(text_encoder=text(CLIPTextModel, 32, "gelu", 2), safety_checker=None, feature_extractor=None,
                                       requires_safety_checker=False, **parts)
    else:
        parts |= dict(tokenizer_2=tokenizers["tokenizer_2"], text_encoder=text(CLIPTextModel, 32, "quick_gelu", 49407),
                      text_encoder_2=text(CLIPTextModelWithProjection, 64, "gelu", 2, projection=64))
        if refiner:
            parts |= dict(tokenizer=None, text_encoder=None)
            pipe = StableDiffusionXLImg2ImgPipeline(requires_aesthetics_score=True, force_zeros_for_empty_prompt=False, **parts)
        else:
            pipe = StableDiffusionXLPipeline(**parts)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def write_folder(folder, pipe, name):
    """The published layout without what the test makes itself."""
    index = {"_class_name": type(pipe).__name__}
    for part, value in pipe.components.items():
        if value is not None and not part.startswith("image_encoder"):
            library = "transformers" if part.startswith(("text", "tokenizer")) else "diffusers"
            index[part] = [library, type(value).__name__]
    for flag in ("force_zeros_for_empty_prompt", "requires_aesthetics_score"):
        if flag in pipe.config:
            index[flag] = pipe.config[flag]
    if name in EDM:
        scheduler = EDM_SAMPLERS[CASES[name][0][0]].__name__
        index["scheduler"], scheduler = ["diffusers", scheduler], {"_class_name": scheduler} | EDM[name]
    else:
        scheduler = {"_class_name": "EulerDiscreteScheduler"} | BETAS | MODELS[name][2]
    files = {"model_index.json": index, "scheduler/scheduler_config.json": scheduler}
    for part in ("unet", "vae"):
        files[f"{part}/config.json"] = {k: v for k, v in getattr(pipe, part).config.items() if k != "_use_default_values"}
    for part in ("text_encoder", "text_encoder_2"):
        if getattr(pipe, part, None) is not None:
            files[f"{part}/config.json"] = getattr(pipe, part).config.to_dict()
    for part in ("tokenizer", "tokenizer_2"):
        if (tokenizer := getattr(pipe, part, None)) is not None:
            files[f"{part}/tokenizer_config.json"] = dict(tokenizer_class="CLIPTokenizer", model_max_length=77, bos_token="<|startoftext|>",
                                                          eos_token="<|endoftext|>", unk_token="<|endoftext|>", pad_token=tokenizer.pad_token)
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(content, sort_keys=True, indent=1, default=str) + "\n")


def picture(width, height):
    y, x = numpy.mgrid[0:height, 0:width]
    return Image.fromarray(numpy.stack([x * 3 % 256, y * 5 % 256, (x * y) % 256], -1).astype("uint8"))


def stages(pipe, case, out):
    """The first case's prompts encoded, and one forward of the UNet."""
    sampler, width, height, seed, steps, cfg, prompt, negative, denoise = case
    found = pipe.encode_prompt(prompt=prompt, negative_prompt=negative, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True)
    out["embeds"], out["negative"] = found[:2]
    x = torch.randn((1, 4, height // 8, width // 8), generator=torch.Generator("cpu").manual_seed(seed + 1))
    more = {}
    if len(found) == 4:
        out["pooled"], out["negative_pooled"] = found[2:]
        ids = [height, width, 0, 0] + ([6.0] if isinstance(pipe, StableDiffusionXLImg2ImgPipeline) else [height, width])
        more = dict(added_cond_kwargs=dict(text_embeds=out["pooled"], time_ids=torch.tensor([ids], dtype=torch.float32)))
    out["unet.in"], out["unet.out"] = x, pipe.unet(x, torch.tensor(500), out["embeds"], **more).sample


@torch.no_grad()
def main():
    vocab, merges, *names = sys.argv[1:]
    for name in names or MODELS:
        pipe = build(name, vocab, merges)
        folder, config = FIXTURES / name, BETAS | MODELS[name][2]
        write_folder(folder, pipe, name)
        out, cases = {}, []
        for n, case in enumerate(CASES[name]):
            sampler, width, height, seed, steps, cfg, prompt, negative, denoise = case
            if n == 0:
                stages(pipe, case, out)
            pipe.scheduler = EDM_SAMPLERS[sampler](**EDM[name]) if name in EDM else SAMPLERS[sampler].from_config(config)
            one = pipe if denoise is None or name == "sdxl-refiner" else StableDiffusionXLImg2ImgPipeline(**pipe.components)
            one.set_progress_bar_config(disable=True)
            # An empty text is one that nobody gave.
            run = dict(prompt=prompt, negative_prompt=negative or None, num_inference_steps=steps, guidance_scale=cfg)
            run |= dict(width=width, height=height) if denoise is None else dict(image=picture(width, height), strength=denoise)
            make = lambda kind: one(**run, generator=torch.Generator("cpu").manual_seed(seed), output_type=kind).images
            latents, found = make("latent"), make("np")[0]
            out[f"{n}.latents"] = latents
            out[f"{n}.picture"] = torch.from_numpy((found * 255).round().astype("uint8"))
            if n == 0:
                out["decoded"] = torch.from_numpy(found)
            print(f"{name:12} {n} {sampler:9} {width}x{height} latents {latents.abs().mean():.3f} picture {found.mean():.3f} ± {found.std():.3f}")
            cases.append(dict(sampler=sampler, width=width, height=height, seed=seed, steps=steps, cfg_scale=cfg, prompt=prompt, negative=negative)
                         | ({} if denoise is None else dict(denoise=denoise)))
        save_file({k: v.contiguous() for k, v in out.items()}, folder / "expected.safetensors")
        (folder / "cases.json").write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
