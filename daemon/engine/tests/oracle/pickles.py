"""Embeddings and a LoRA as PyTorch's own files, of the same numbers as the safetensors beside them.

    python pickles.py

Writes fixtures/prompts/style.pt (AUTOMATIC1111's layout, an archive), style-legacy.pt (the same before PyTorch 1.6), style.bin (diffusers'
layout), style-xl.pt, and fixtures/lora/tiny.safetensors and tiny.pt; hostile.pt in both folders would run a command where it is unpickled
by Python. Needs torch.
"""
import os
import pathlib

import torch
from safetensors.torch import load_file, save_file

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"


class Hostile:
    def __reduce__(self):
        return os.system, ("echo unpickled",)


def main():
    prompts, lora = FIXTURES / "prompts", FIXTURES / "lora"
    (vectors,) = load_file(prompts / "style.safetensors").values()
    saved = dict(string_to_token={"*": torch.tensor(265)}, string_to_param={"*": torch.nn.Parameter(vectors)}, name="style", step=500,
                 sd_checkpoint="4bdfc29c", sd_checkpoint_name="model")
    torch.save(saved, prompts / "style.pt")
    torch.save(saved, prompts / "style-legacy.pt", _use_new_zipfile_serialization=False)
    torch.save({"<style>": vectors}, prompts / "style.bin")
    torch.save(load_file(prompts / "style-xl.safetensors"), prompts / "style-xl.pt")
    noise = lambda seed, *shape: torch.randn(*shape, generator=torch.Generator("cpu").manual_seed(seed))
    name = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    tiny = {f"{name}.lora_down.weight": noise(1, 2, 8), f"{name}.lora_up.weight": noise(2, 8, 2), f"{name}.alpha": torch.tensor(1.0)}
    save_file(tiny, lora / "tiny.safetensors")
    torch.save(tiny, lora / "tiny.pt")
    for folder in (prompts, lora):
        torch.save({"x": noise(3, 2), "y": Hostile()}, folder / "hostile.pt")


if __name__ == "__main__":
    main()
