"""Tiny models of FLUX.1 and Chroma, and what diffusers makes with them: fixtures/flux/*.

    python flux.py CLIP_VOCAB_JSON CLIP_MERGES_TXT T5_TOKENIZER_JSON [NAME...]

The files are those of openai/clip-vit-large-patch14 and google/t5-v1_1-xxl. Writes each model's folder without weights and without
vocabularies (the test fills the weights by name and uses the built-in tables), cases.json and expected.safetensors: of every case the
latents and the picture as 8-bit RGB, of the first what each stage makes. Chroma's DiT gets its mask as booleans, as the model's own
code has it; diffusers 0.42 hands over floats, which is one more on the scores and no mask (diffusers#12116). Needs torch, diffusers,
transformers; last run with 2.11.0, 0.42.1, 5.24.0.
"""
import json
import pathlib
import sys

import numpy
import torch
from PIL import Image
import diffusers as D
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, PreTrainedTokenizerFast, T5Config, T5EncoderModel

from families import APPLE, picture
from fill import fill

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "flux"
DYNAMIC = dict(num_train_timesteps=1000, shift=3.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15, base_image_seq_len=256, max_image_seq_len=4096)
STATIC = dict(num_train_timesteps=1000, shift=1.0, use_dynamic_shifting=False, base_shift=0.5, max_shift=1.15)
BODY = dict(patch_size=1, in_channels=64, num_layers=2, num_single_layers=2, attention_head_dim=32, num_attention_heads=2, joint_attention_dim=96, axes_dims_rope=(4, 14, 14))
CATS = "two cats (sleeping) on a blue sofa; 2 лампы and 苹果, soft light from the left, 35mm film"
# name: pipeline, transformer, scheduler
MODELS = {
    "dev": ("FluxPipeline", dict(guidance_embeds=True, pooled_projection_dim=64), DYNAMIC),
    "schnell": ("FluxPipeline", dict(guidance_embeds=False, pooled_projection_dim=64), STATIC),
    "fill": ("FluxFillPipeline", dict(guidance_embeds=True, pooled_projection_dim=64, in_channels=384, out_channels=64), DYNAMIC),
    "kontext": ("FluxKontextPipeline", dict(guidance_embeds=True, pooled_projection_dim=64), DYNAMIC),
    "chroma": ("ChromaPipeline", dict(approximator_num_channels=64, approximator_hidden_dim=80, approximator_layers=2), DYNAMIC),
}
# width, height, seed, steps, guidance that is told, CFG scale, prompt, negative prompt, pictures, denoise, masked
BASE = dict(batch=1, negative="", cfg_scale=1.0, denoise=None, mask=False)
CASES = {
    "dev": [dict(width=96, height=64, seed=0, steps=4, guidance=3.5, prompt=APPLE),
            dict(width=64, height=112, seed=7, steps=3, guidance=2.0, cfg_scale=2.5, prompt=CATS, negative="blurry", batch=2),
            dict(width=96, height=64, seed=3, steps=5, guidance=3.5, prompt=APPLE, denoise=0.6),
            dict(width=96, height=64, seed=5, steps=5, guidance=3.5, prompt=APPLE, denoise=0.8, mask=True)],
    "schnell": [dict(width=80, height=112, seed=1, steps=4, prompt=APPLE)],
    "fill": [dict(width=96, height=64, seed=2, steps=4, guidance=30.0, prompt=APPLE, denoise=1.0, mask=True)],
    "kontext": [dict(width=96, height=64, seed=4, steps=4, guidance=2.5, prompt=APPLE, denoise=1.0)],
    "chroma": [dict(width=96, height=64, seed=0, steps=4, cfg_scale=3.0, prompt=APPLE, negative="blurry"),
               dict(width=64, height=80, seed=9, steps=3, cfg_scale=4.0, prompt=CATS, negative="", batch=2),
               dict(width=96, height=64, seed=3, steps=5, cfg_scale=3.0, prompt=APPLE, negative="blurry", denoise=0.6)],
}
IMG2IMG = {"dev": "FluxImg2ImgPipeline", "chroma": "ChromaImg2ImgPipeline", "schnell": "FluxImg2ImgPipeline"}


def encoders():
    clip = CLIPTextModel(CLIPTextConfig(hidden_size=64, intermediate_size=256, num_hidden_layers=3, num_attention_heads=1, vocab_size=49408, hidden_act="quick_gelu",
                                        bos_token_id=0, eos_token_id=2, projection_dim=64))
    bare = not any(name.startswith("text_model.") for name, _ in clip.named_parameters())
    t5 = T5EncoderModel(T5Config(vocab_size=32128, d_model=96, d_kv=64, d_ff=128, num_layers=2, num_heads=2, feed_forward_proj="gated-gelu",
                                 relative_attention_num_buckets=32, relative_attention_max_distance=128, layer_norm_epsilon=1e-6, is_encoder_decoder=False, tie_word_embeddings=False))
    return fill(clip, prefix="text_model." if bare else ""), fill(t5)


def build(name, vocab, merges, spec):
    cls, extra, scheduler = MODELS[name]
    clip, t5 = encoders()
    one = CLIPTokenizer(vocab, merges, model_max_length=77)
    two = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(spec), clean_up_tokenization_spaces=False, eos_token="</s>", unk_token="<unk>", pad_token="<pad>", model_max_length=512)
    vae = fill(D.AutoencoderKL(down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4, block_out_channels=[16, 32, 32, 32], layers_per_block=1, latent_channels=16,
                               norm_num_groups=8, sample_size=1024, scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False, force_upcast=True))
    flow = D.FlowMatchEulerDiscreteScheduler(**scheduler)
    if name == "chroma":
        parts = dict(text_encoder=t5, tokenizer=two, transformer=fill(D.ChromaTransformer2DModel(**BODY | extra)))
    else:
        parts = dict(text_encoder=clip, tokenizer=one, text_encoder_2=t5, tokenizer_2=two, transformer=fill(D.FluxTransformer2DModel(**BODY | extra)))
    pipe = getattr(D, cls)(scheduler=flow, vae=vae, **parts)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def write_folder(folder, pipe, name):
    index, files = {"_class_name": MODELS[name][0]}, {}
    for part, value in pipe.components.items():
        if value is None:
            continue
        library = "transformers" if part.startswith(("text", "tokenizer")) else "diffusers"
        t5 = part == ("tokenizer" if name == "chroma" else "tokenizer_2")
        index[part] = [library, {"chroma": "T5Tokenizer"}.get(name, "T5TokenizerFast") if t5 else type(value).__name__]
        if part == "scheduler":
            files["scheduler/scheduler_config.json"] = {"_class_name": "FlowMatchEulerDiscreteScheduler"} | MODELS[name][2]
        elif part.startswith("tokenizer"):
            files[f"{part}/tokenizer_config.json"] = dict(tokenizer_class=index[part][1].replace("Fast", ""), model_max_length=512 if t5 else 77)
        elif hasattr(value.config, "to_dict"):
            files[f"{part}/config.json"] = value.config.to_dict()
        else:
            files[f"{part}/config.json"] = {k: v for k, v in value.config.items() if k != "_use_default_values"}
    for path, content in ({"model_index.json": index} | files).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(content, sort_keys=True, indent=1, default=str) + "\n")


def masked(width, height):
    mask = numpy.zeros((height, width), "uint8")
    mask[height // 4: height // 4 * 3, width // 3:] = 255
    return Image.fromarray(mask)


def stages(pipe, name, case, out):
    """The encoders, and the first call of the transformer block by block."""
    t5 = pipe.text_encoder if name == "chroma" else pipe.text_encoder_2
    tokens = (pipe.tokenizer if name == "chroma" else pipe.tokenizer_2)
    if name == "dev":
        ids = tokens(case["prompt"], padding="max_length", max_length=512, truncation=True, return_tensors="pt")
        out["t5.ids"], out["t5.last"] = ids.input_ids, t5(ids.input_ids)[0][:, ::16]
        used = int(ids.attention_mask.sum()) + 1
        out["t5.masked"] = t5(ids.input_ids, attention_mask=ids.attention_mask)[0][:, :used]
    m, done = pipe.transformer, []
    keep = lambda at, value: out.setdefault(at, value.detach().clone())

    def block(at):
        def hook(module, args, result):
            if name == "dev":
                keep(f"{at}.txt", result[0][:, ::64])
            pixels = case["height"] * case["width"] // 256
            keep(f"{at}.img", (result if torch.is_tensor(result) else result[1])[:, -pixels:])
        return hook
    hooks = [b.register_forward_hook(block(f"double.{i}")) for i, b in enumerate(m.transformer_blocks)]
    hooks += [b.register_forward_hook(block(f"single.{i}")) for i, b in enumerate(m.single_transformer_blocks)]

    def before(module, args, kw):
        for key in ("hidden_states", "encoder_hidden_states", "pooled_projections", "timestep", "guidance"):
            if kw.get(key) is not None and f"in.{key}" not in out:
                value = kw[key].detach().clone()
                if key == "encoder_hidden_states":
                    value = value[:, : int(kw["attention_mask"][0].sum()) - kw["hidden_states"].shape[1]] if name == "chroma" else value
                keep(f"in.{key}", value)

    def after(module, args, kw, result):
        keep("out", result[0])
    hooks += [m.register_forward_pre_hook(before, with_kwargs=True), m.register_forward_hook(after, with_kwargs=True)]
    return hooks


def run(pipe, name, case, kind):
    kw = dict(prompt=[case["prompt"]] * 1, num_inference_steps=case["steps"], num_images_per_prompt=1, output_type=kind, max_sequence_length=256 if name == "schnell" else 512)
    if name == "chroma":
        kw |= dict(guidance_scale=case["cfg_scale"], negative_prompt=[case["negative"]])
    else:
        kw |= dict(guidance_scale=case.get("guidance", 0.0))
        if case["cfg_scale"] > 1:
            kw |= dict(true_cfg_scale=case["cfg_scale"], negative_prompt=[case["negative"]])
    size = dict(width=case["width"], height=case["height"])
    given, one = picture(case["width"], case["height"]), pipe
    if name == "kontext":
        kw |= dict(image=given, max_area=case["width"] * case["height"], _auto_resize=False)
    elif name == "fill":
        kw |= dict(image=given, mask_image=masked(case["width"], case["height"]))
    elif case["mask"]:
        one = D.FluxInpaintPipeline(**{k: v for k, v in pipe.components.items()})
        kw |= dict(image=given, mask_image=masked(case["width"], case["height"]), strength=case["denoise"])
    elif case["denoise"]:
        one = getattr(D, IMG2IMG[name])(**{k: v for k, v in pipe.components.items()})
        kw |= dict(image=given, strength=case["denoise"])
    one.set_progress_bar_config(disable=True)
    if name == "chroma":
        real = type(one)._prepare_attention_mask
        one._prepare_attention_mask = lambda **k: real(one, **k).bool()
    found = []
    for n in range(case["batch"]):  # picture i of a batch starts from seed + i
        found.append(one(**kw, **size, generator=torch.Generator("cpu").manual_seed(case["seed"] + n)).images)
    return torch.cat(found) if kind == "latent" else numpy.concatenate(found)


def unpacked(latents, case):
    b, _, c = latents.shape
    h, w = case["height"] // 16, case["width"] // 16
    return latents.view(b, h, w, c // 4, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(b, c // 4, 2 * h, 2 * w)


@torch.no_grad()
def main():
    vocab, merges, spec, *names = sys.argv[1:]
    spec = pathlib.Path(spec).read_text()
    for name in names or MODELS:
        pipe = build(name, vocab, merges, spec)
        folder = FIXTURES / name
        write_folder(folder, pipe, name)
        out, cases = {}, [BASE | case for case in CASES[name]]
        for n, case in enumerate(cases):
            hooks = stages(pipe, name, case, out) if n == 0 and name in ("dev", "chroma") else []
            latents = unpacked(run(pipe, name, case, "latent"), case)
            for hook in hooks:
                hook.remove()
            found = run(pipe, name, case, "np")
            out[f"{n}.latents"], out[f"{n}.picture"] = latents, torch.from_numpy((found * 255).round().astype("uint8"))
            if n == 0:
                out["decoded"] = torch.from_numpy(found[0])
            print(f"{name:8} {n} {case['width']}x{case['height']} latents {latents.std():.3f} picture {found.mean():.3f} ± {found.std():.3f} clipped {((found <= 0) | (found >= 1)).mean():.2f}")
        save_file({k: v.contiguous() for k, v in out.items()}, folder / "expected.safetensors")
        (folder / "cases.json").write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
