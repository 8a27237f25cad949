"""Tiny CLIP text encoders and what transformers computes with them: fixtures/clip, fixtures/clip-legacy.

    python clip.py

Needs torch, transformers, safetensors. Last run with transformers 5.23.0, torch 2.11.0. Tensors are filled under the names of
published checkpoints, which have `text_model.` in front.
"""
import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from fill import fill

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
COMMON = dict(vocab_size=100, hidden_size=12, intermediate_size=40, num_hidden_layers=3, max_position_embeddings=16, bos_token_id=98)
MODELS = {
    "clip": dict(num_attention_heads=3, hidden_act="quick_gelu", eos_token_id=99),
    # eos_token_id 2 is the mistake of early configs; Stable Diffusion 2's encoder has the exact GELU.
    "clip-legacy": dict(num_attention_heads=2, hidden_act="gelu", eos_token_id=2, layer_norm_eps=1e-4),
}


@torch.no_grad()
def main():
    for name, config in MODELS.items():
        model = fill(CLIPTextModel(CLIPTextConfig(**COMMON, **config)), prefix="text_model.")
        ids = torch.tensor([[98, 5, 17, 3, 99, 99, 99, 99, 99, 99], [98, 2, 40, 41, 42, 43, 44, 45, 1, 99]])
        result = model(ids, output_hidden_states=True)
        out = {"ids": ids, "last": result.last_hidden_state, "pooled": result.pooler_output}
        for skipped in (1, 2):
            hidden = result.hidden_states[-1 - skipped]
            out[f"skip{skipped}"] = hidden
            out[f"skip{skipped}.normed"] = model.final_layer_norm(hidden)
        folder = FIXTURES / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(model.config.to_dict(), sort_keys=True, indent=1) + "\n")
        save_file({k: v.contiguous() for k, v in out.items()}, folder / "expected.safetensors")
        for key, value in out.items():
            print(f"{name:12} {key:14} {tuple(value.shape)} mean|x| {value.float().abs().mean():.4f}")


if __name__ == "__main__":
    main()
