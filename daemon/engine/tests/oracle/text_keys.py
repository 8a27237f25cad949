"""Names and shapes of every tensor of the text encoders of Stable Diffusion 2 and SDXL, and where open_clip has each:
fixtures/*-keys/text_encoder*.

    python text_keys.py

Needs torch, diffusers, transformers; last run with 2.11.0, 0.42.1, 5.23.0. Dimensions are those of the published configurations. A
line of NAME-open_clip.txt.gz is: open_clip's name, transformers' name, and which third of its rows that is (`-` for all of it, `t`
for a matrix that is turned). It is checked against diffusers' own converter on an encoder of 4 channels.
"""
import gzip
import json
import pathlib

import torch
from diffusers.loaders.single_file_utils import convert_open_clip_checkpoint
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
LAYER = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj", "self_attn.out_proj": "attn.out_proj"}
MODELS = {
    ("sd2", "text_encoder"): dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16),
    ("sdxl", "text_encoder_2"): dict(hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20, projection_dim=1280),
}


def place(name):
    """Where open_clip has transformers' tensor `name`: its name there, and which part of it."""
    bare = name.removeprefix("text_model.")
    if bare == "embeddings.token_embedding.weight":
        return "token_embedding.weight", "-"
    if bare == "embeddings.position_embedding.weight":
        return "positional_embedding", "-"
    if bare == "text_projection.weight":
        return "text_projection", "t"
    if bare.startswith("final_layer_norm"):
        return bare.replace("final_layer_norm", "ln_final"), "-"
    number, rest = bare.removeprefix("encoder.layers.").split(".", 1)
    head, leaf = rest.rsplit(".", 1)
    at = f"transformer.resblocks.{number}"
    if head in LAYER:
        return f"{at}.{LAYER[head]}.{leaf}", "-"
    return f"{at}.attn.in_proj_{leaf}", str("qkv".index(head.removeprefix("self_attn.")[0]))


def published(model):
    """The parameters under the names of published checkpoints, which have `text_model.` in front."""
    named = dict(model.named_parameters())
    bare = not any(name.startswith("text_model.") for name in named)
    return {name if not bare or name.startswith("text_projection") else "text_model." + name: value for name, value in named.items()}


def check(cls, config):
    """That diffusers converts so: an open_clip file made of a small encoder by `place` becomes that encoder again."""
    small = cls(CLIPTextConfig(**config | dict(hidden_size=4, intermediate_size=8, num_attention_heads=1, projection_dim=4, vocab_size=9)))
    names, original = published(small), {}
    for name, value in names.items():
        key, part = place(name)
        original.setdefault(key, {})[part] = value.detach().T if part == "t" else value.detach()
    file = {"prefix." + key: next(iter(parts.values())) if len(parts) == 1 else torch.cat([parts[p] for p in "012"]) for key, parts in original.items()}
    file.setdefault("prefix.text_projection", torch.zeros(4, 4))
    converted = convert_open_clip_checkpoint(small, file, prefix="prefix.")
    converted = {k if k.startswith(("text_model.", "text_projection")) else "text_model." + k: v for k, v in converted.items()}
    missing = [name for name, value in names.items() if name not in converted or not torch.equal(converted[name], value)]
    assert not missing, missing


def write(path, lines):
    path.write_bytes(gzip.compress(("\n".join(sorted(lines)) + "\n").encode(), 9, mtime=0))


def main():
    for (model, part), config in MODELS.items():
        cls = CLIPTextModelWithProjection if "projection_dim" in config else CLIPTextModel
        check(cls, config)
        with torch.device("meta"):
            encoder = cls(CLIPTextConfig(hidden_act="gelu", **config))
        names, folder = published(encoder), FIXTURES / f"{model}-keys"
        (folder / f"{part}.json").write_text(json.dumps(encoder.config.to_dict(), sort_keys=True) + "\n")
        write(folder / f"{part}.txt.gz", [f"{name} {','.join(map(str, value.shape))}" for name, value in names.items()])
        write(folder / f"{part}-open_clip.txt.gz", ["{1} {0} {2}".format(name, *place(name)) for name in names])
        print(model, part, len(names), "tensors")


if __name__ == "__main__":
    main()
