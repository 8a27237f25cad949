"""A tiny Z-Image and what diffusers makes of it: fixtures/z-image.

    python z_image.py TOKENIZER

TOKENIZER is a folder with Qwen3's vocab.json, merges.txt and tokenizer_config.json (its vocabulary is Qwen2.5's). Weights are filled by
name (fill.py). Recorded are hidden states of the text encoder, the transformer's blocks and outputs for one prompt, for a batch of two of
unlike length and for a size that no multiple of 32 tokens is, and pictures of the pipelines: with and without guidance, a batch of two,
from a picture, and of a part of one. Needs torch, diffusers, transformers, safetensors, Pillow; last run with 2.11.0, 0.42.1, 5.24.0.
"""
import json
import pathlib
import sys

import numpy
import torch
from PIL import Image
from diffusers import (AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImageImg2ImgPipeline, ZImageInpaintPipeline, ZImagePipeline,
                       ZImageTransformer2DModel)
from safetensors.torch import save_file
from transformers import AutoTokenizer, Qwen3Config, Qwen3Model

from fill import fill

FIXTURE = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "z-image"
TRANSFORMER = dict(all_patch_size=[2], all_f_patch_size=[1], in_channels=16, dim=64, n_layers=2, n_refiner_layers=2, n_heads=2, n_kv_heads=2,
                   norm_eps=1e-5, qk_norm=True, cap_feat_dim=32, rope_theta=256.0, t_scale=1000.0, axes_dims=[8, 12, 12], axes_lens=[4096, 512, 512])
VAE = dict(block_out_channels=[8, 16, 16, 16], layers_per_block=1, latent_channels=16, norm_num_groups=4, sample_size=64, scaling_factor=0.3611,
           shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False, down_block_types=["DownEncoderBlock2D"] * 4,
           up_block_types=["UpDecoderBlock2D"] * 4)
TEXT = dict(vocab_size=151936, hidden_size=32, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
            head_dim=16, rms_norm_eps=1e-6, max_position_embeddings=40960, rope_parameters=dict(rope_type="default", rope_theta=1000000.0),
            tie_word_embeddings=True)
SCHEDULER = dict(num_train_timesteps=1000, shift=3.0, use_dynamic_shifting=False)
PROMPT = 'A lighthouse at dusk, its sign says "開門", long exposure, film grain, a quiet sea and two gulls over the rocks'
NEGATIVE = "blurry"
# guidance is diffusers': one less than others count it
CASES = [dict(kind="text", width=96, height=64, seed=0, steps=4, guidance=0.0), dict(kind="text", width=64, height=96, seed=5, steps=5, guidance=4.0),
         dict(kind="text", width=64, height=64, seed=9, steps=3, guidance=2.5, batch=2), dict(kind="picture", width=96, height=64, seed=3, steps=5, guidance=0.0, denoise=0.6),
         dict(kind="part", width=96, height=64, seed=4, steps=5, guidance=1.0, denoise=0.8, mask=[24, 16, 72, 56])]


def picture(width, height):
    y, x = numpy.mgrid[0:height, 0:width]
    return Image.fromarray(numpy.stack([x * 3 % 256, y * 5 % 256, (x * y) % 256], -1).astype("uint8"))


def templated(tokenizer, prompt):
    return tokenizer.apply_chat_template([dict(role="user", content=prompt)], tokenize=False, add_generation_prompt=True, enable_thinking=True)


@torch.no_grad()
def main():
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    encoder = fill(Qwen3Model(Qwen3Config(**TEXT)), "model.")
    transformer = fill(ZImageTransformer2DModel(**TRANSFORMER))
    vae = fill(AutoencoderKL(**VAE))
    scheduler = FlowMatchEulerDiscreteScheduler(**SCHEDULER)
    parts = dict(scheduler=scheduler, vae=vae, text_encoder=encoder, tokenizer=tokenizer, transformer=transformer)
    out = {}

    # the text encoder: alone, and two of unlike length at once
    for name, prompt in (("prompt", PROMPT), ("negative", NEGATIVE)):
        ids = tokenizer(templated(tokenizer, prompt), return_tensors="pt").input_ids
        states = encoder(input_ids=ids, output_hidden_states=True).hidden_states
        out[f"{name}.ids"] = ids
        for k in range(len(states)):
            out[f"{name}.hidden.{k}"] = states[k]
    both = tokenizer([templated(tokenizer, p) for p in (PROMPT, NEGATIVE)], padding=True, padding_side="right", return_tensors="pt")
    states = encoder(input_ids=both.input_ids, attention_mask=both.attention_mask, output_hidden_states=True).hidden_states
    out["both.ids"], out["both.mask"] = both.input_ids, both.attention_mask
    out["both.hidden.2"], out["both.hidden.3"] = states[2], states[3]

    # the transformer: every block of one call, then batches
    generator = torch.Generator("cpu").manual_seed(7)
    randn = lambda *shape: torch.randn(shape, generator=generator)
    seen = {}
    hook = lambda name: lambda module, args, result: seen.__setitem__(name, result)
    hooks = [module.register_forward_hook(hook(f"{group}.{i}")) for group in ("noise_refiner", "context_refiner", "layers")
             for i, module in enumerate(getattr(transformer, group))]
    caption, other = randn(37, 32), randn(9, 32)
    out["caption"], out["other"] = caption, other
    call = lambda x, t, captions: torch.stack([one.squeeze(1) for one in transformer([one.unsqueeze(1) for one in x], torch.full((len(x),), t), captions, return_dict=False)[0]])
    for size, t in (((8, 12), 0.0), ((10, 6), 0.3125)):
        key = "x".join(map(str, size))
        out[f"x.{key}"] = x = randn(2, 16, *size)
        out[f"out.{key}"] = call(x, t, [caption, caption])
        out[f"out.{key}.unlike"] = call(x, t, [caption, other])
        seen.clear()
        out[f"out.{key}.alone"] = call(x[:1], t, [caption])
        for name, value in seen.items():
            out[f"act.{key}.{name}"] = value
    for one in hooks:
        one.remove()

    # the pipelines
    cases = []
    for n, case in enumerate(CASES):
        batch, kept = case.get("batch", 1), {}
        keep = lambda pipe, step, t, found: kept.__setitem__("latents", found["latents"]) or found
        given = dict(prompt=[PROMPT] * batch, negative_prompt=[NEGATIVE] * batch, num_inference_steps=case["steps"], guidance_scale=case["guidance"],
                     generator=[torch.Generator("cpu").manual_seed(case["seed"] + i) for i in range(batch)], output_type="np", callback_on_step_end=keep)
        if batch == 1:
            given["generator"] = given["generator"][0]
        size = dict(width=case["width"], height=case["height"])
        if case["kind"] == "text":
            pipe = ZImagePipeline(**parts)
            given |= size
        else:
            pipe = (ZImageImg2ImgPipeline if case["kind"] == "picture" else ZImageInpaintPipeline)(**parts)
            given |= size | dict(image=picture(**size), strength=case["denoise"])
        if case["kind"] == "part":
            left, top, right, bottom = case["mask"]
            mask = numpy.zeros((case["height"], case["width"]), "uint8")
            mask[top:bottom, left:right] = 255
            given["mask_image"] = Image.fromarray(mask)
        pipe.set_progress_bar_config(disable=True)
        found = pipe(**given).images
        found = torch.from_numpy(found)
        # One in full, the others as files have them.
        out[f"{n}.picture"], out[f"{n}.latents"] = found if n == 0 else (found * 255).round().byte(), kept["latents"]
        print(f"{n} {case['kind']:8} picture {found.mean():.3f} ± {found.std():.3f} latents {kept['latents'].std():.3f}")
        cases.append(case | dict(prompt=PROMPT, negative=NEGATIVE))

    for name, config in (("transformer", TRANSFORMER), ("vae", VAE), ("text_encoder", dict(model_type="qwen3", **TEXT)), ("scheduler", SCHEDULER)):
        (FIXTURE / f"{name}.json").write_text(json.dumps(config, sort_keys=True, indent=1) + "\n")
    (FIXTURE / "cases.json").write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n")
    save_file({k: v.contiguous() for k, v in out.items()}, FIXTURE / "expected.safetensors")


if __name__ == "__main__":
    main()
