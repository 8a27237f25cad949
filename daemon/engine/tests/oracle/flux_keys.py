"""Every tensor of published FLUX.1 and Chroma models with its shape, in both spellings: fixtures/flux/*.txt.gz, and t5-xxl.json.

    python flux_keys.py LISTS

LISTS is a folder with NAME.full.txt.gz for flux-dev, flux-schnell and chroma, whose lines are `component<TAB>tensor<TAB>[shape]`, those
of the published single file under `transformer.original`. The names of folders are those of diffusers' classes at full size, and
diffusers' own converter must make them of the single file's. Needs torch, diffusers, transformers; last run with 2.11.0, 0.42.1, 5.24.0.
"""
import gzip
import json
import pathlib
import sys

import diffusers.loaders.single_file_utils as convert
import torch
from diffusers import ChromaTransformer2DModel, FluxTransformer2DModel
from transformers import T5Config, T5EncoderModel

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "flux"
MODELS = {
    "flux-dev": (FluxTransformer2DModel, dict(guidance_embeds=True), convert.convert_flux_transformer_checkpoint_to_diffusers),
    "flux-schnell": (FluxTransformer2DModel, {}, convert.convert_flux_transformer_checkpoint_to_diffusers),
    "chroma": (ChromaTransformer2DModel, {}, convert.convert_chroma_transformer_checkpoint_to_diffusers),
}
XXL = dict(vocab_size=32128, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64, feed_forward_proj="gated-gelu",
           relative_attention_num_buckets=32, relative_attention_max_distance=128, layer_norm_epsilon=1e-6)


def write(name, shapes):
    lines = "".join(f"{key} {','.join(map(str, shape))}\n" for key, shape in sorted(shapes.items()))
    (FIXTURES / f"{name}.txt.gz").write_bytes(gzip.compress(lines.encode(), 9, mtime=0))
    print(f"{name:16} {len(shapes)} tensors")


def main():
    FIXTURES.mkdir(exist_ok=True)
    for name, (cls, config, converter) in MODELS.items():
        with torch.device("meta"):
            folder = {k: tuple(v.shape) for k, v in cls(**config).state_dict().items()}
        lines = gzip.open(pathlib.Path(sys.argv[1]) / f"{name}.full.txt.gz", "rt").read().splitlines()
        lines = [line.split("\t") for line in lines if line.startswith("transformer.original\t")]
        single = {key: tuple(json.loads(shape)) for _, key, shape in lines}
        made = converter({k: torch.empty(v, device="meta") for k, v in single.items()})
        assert {k: tuple(v.shape) for k, v in made.items()} == folder, name
        write(name, folder)
        write(f"{name}-bfl", single)
    with torch.device("meta"):
        encoder = T5EncoderModel(T5Config(**XXL, is_encoder_decoder=False)).state_dict()
    write("t5-xxl", {k: tuple(v.shape) for k, v in encoder.items() if k != "encoder.embed_tokens.weight"})
    (FIXTURES / "t5-xxl.json").write_text(json.dumps(XXL, indent=1) + "\n")


if __name__ == "__main__":
    main()
