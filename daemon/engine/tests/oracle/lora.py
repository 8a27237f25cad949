"""LoRAs on the tiny model of fixtures/pipeline, as diffusers with PEFT and the package of LyCORIS apply them: fixtures/lora.

    python lora.py

For each spelling a list of tensors, `key dim,dim` a line (or `key =value`), which both sides fill by name (fill.py), and in
expected.safetensors what diffusers' UNet and text encoder compute with it; for each method of LyCORIS the merged weight of one
layer. Needs torch, diffusers, transformers, peft, safetensors, lycoris-lora; last run with 2.11.0, 0.42.1, 5.23.0, 0.19, 0.6, 4.1.3.
"""
import gzip
import json
import pathlib

import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel, AutoencoderKL, PNDMScheduler
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from fill import fill, values

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
OUT = FIXTURES / "lora"
# Of merged weights so many numbers apart are kept.
STRIDE = 7
RANK, ALPHA = 2, 1.5
WEIGHTS = {"unet": 0.75, "text_encoder": -0.5}
ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
TEXT = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "mlp.fc1", "mlp.fc2"]


def pipeline():
    read = lambda part: json.loads((FIXTURES / "pipeline" / part / "config.json").read_text())
    unet = fill(UNet2DConditionModel.from_config(read("unet")))
    text = fill(CLIPTextModel(CLIPTextConfig(**read("text_encoder"))), prefix="text_model.")
    return StableDiffusionPipeline(vae=AutoencoderKL(), text_encoder=text, tokenizer=None, unet=unet, scheduler=PNDMScheduler(),
                                   safety_checker=None, feature_extractor=None, requires_safety_checker=False)


def modules(pipe, wanted):
    return [name for name, module in pipe.unet.named_modules() if wanted(name) and hasattr(module, "weight")]


def is_attention(name):
    return "attn" in name and name.rsplit("attn1.", 1)[-1].rsplit("attn2.", 1)[-1] in ATTENTION


def is_transformer(name):
    return is_attention(name) or name.endswith(("ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"))


def is_conv(name):
    return name.endswith(("conv1", "conv2", "conv_shortcut", "time_emb_proj", "downsamplers.0.conv", "upsamplers.0.conv"))


def low_rank(module, down, up, rank=RANK):
    """Keys and shapes of a LoRA beside a layer."""
    out, inputs, *kernel = module.weight.shape
    return {down: [rank, inputs, *kernel], up: [out, rank, *[1 for _ in kernel]]}


def kohya(pipe, wanted, text=True, ranks=lambda name: RANK):
    keys = {}
    for name in modules(pipe, wanted):
        at = "lora_unet_" + name.replace(".", "_")
        keys |= low_rank(pipe.unet.get_submodule(name), f"{at}.lora_down.weight", f"{at}.lora_up.weight", ranks(name))
        keys[f"{at}.alpha"] = ALPHA
    for layer, name in [(n, t) for n in range(3) for t in TEXT if text]:
        at = f"lora_te_text_model_encoder_layers_{layer}_{name.replace('.', '_')}"
        module = text_module(pipe, f"encoder.layers.{layer}.{name}")
        keys |= low_rank(module, f"{at}.lora_down.weight", f"{at}.lora_up.weight")
        keys[f"{at}.alpha"] = ALPHA + layer
    return keys


def text_module(pipe, name):
    encoder = pipe.text_encoder
    return (encoder.text_model if hasattr(encoder, "text_model") else encoder).get_submodule(name)


def peft(pipe, wanted, dora=False):
    keys = {}
    for name in modules(pipe, wanted):
        module = pipe.unet.get_submodule(name)
        keys |= low_rank(module, f"unet.{name}.lora_A.weight", f"unet.{name}.lora_B.weight")
        if dora:
            keys[f"unet.{name}.lora_magnitude_vector"] = [module.weight.shape[0]]
    for layer, name in [(n, t) for n in range(3) for t in TEXT if not dora]:
        at = f"text_encoder.text_model.encoder.layers.{layer}.{name}"
        module = text_module(pipe, f"encoder.layers.{layer}.{name}")
        keys |= low_rank(module, f"{at}.lora_A.weight", f"{at}.lora_B.weight")
    return keys


def processors(pipe):
    """As diffusers wrote them before PEFT."""
    keys = {}
    for name in modules(pipe, is_attention):
        at = name.removesuffix(".0")
        parent, _, last = at.rpartition(".")
        at = f"unet.{parent}.processor.{last}_lora"
        keys |= low_rank(pipe.unet.get_submodule(name), f"{at}.down.weight", f"{at}.up.weight")
    return keys


def filled(keys):
    return {key: torch.tensor(shape) if isinstance(shape, float) else values(key, shape) for key, shape in keys.items()}


def write_list(name, keys):
    line = lambda key, shape: f"{key} ={shape}" if isinstance(shape, float) else f"{key} {','.join(map(str, shape))}"
    text = "\n".join(line(*item) for item in sorted(keys.items())) + "\n"
    (OUT / f"{name}.txt.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def merge(module, shape):
    """The weight and the bias that the layer computes with. LoHa's and LoKr's `get_merged_weight` of LyCORIS 4.1.3 scales twice, where
    `forward` (what was trained), A1111 and ComfyUI scale once: here it is forward's."""
    if not hasattr(module, "get_weight"):
        return module.get_merged_weight(1, shape)
    changed = module.org_weight + module.get_weight(shape)
    return (module.apply_weight_decompose(changed) if module.wd else changed), None


def lycoris(pipe, out):
    """Each method beside a linear layer and a convolution: keys as they are in a file, and the merged weight."""
    from lycoris.modules.boft import ButterflyOFTModule
    from lycoris.modules.diag_oft import DiagOFTModule
    from lycoris.modules.full import FullModule
    from lycoris.modules.glora import GLoRAModule
    from lycoris.modules.ia3 import IA3Module
    from lycoris.modules.locon import LoConModule
    from lycoris.modules.loha import LohaModule
    from lycoris.modules.lokr import LokrModule
    from lycoris.modules.norms import NormModule

    linear = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
    conv = "down_blocks.1.resnets.0.conv1"
    norm = "down_blocks.1.resnets.0.norm1"
    small = dict(lora_dim=RANK, alpha=ALPHA)
    cases = {
        "locon": (LoConModule, small, (linear, conv)),
        "locon-mid": (LoConModule, dict(use_tucker=True, **small), (conv,)),
        "dora": (LoConModule, dict(weight_decompose=True, **small), (linear, conv)),
        "dora-in": (LoConModule, dict(weight_decompose=True, wd_on_out=False, **small), (linear, conv)),
        "loha": (LohaModule, small, (linear, conv)),
        "loha-mid": (LohaModule, dict(use_tucker=True, **small), (conv,)),
        "loha-dora": (LohaModule, dict(weight_decompose=True, **small), (linear, conv)),
        "lokr": (LokrModule, dict(factor=4, **small), (linear, conv)),
        "lokr-both": (LokrModule, dict(factor=8, decompose_both=True, lora_dim=1, alpha=ALPHA), (linear, conv)),
        "lokr-mid": (LokrModule, dict(factor=4, use_tucker=True, **small), (conv,)),
        "lokr-full": (LokrModule, dict(factor=4, full_matrix=True, **small), (linear, conv)),
        "lokr-dora": (LokrModule, dict(factor=4, weight_decompose=True, **small), (linear, conv)),
        "ia3": (IA3Module, {}, (linear, conv)),
        "ia3-in": (IA3Module, dict(train_on_input=True), (linear, conv)),
        "glora": (GLoRAModule, small, (linear, conv)),
        "oft": (DiagOFTModule, dict(lora_dim=4, constraint=0), (linear, conv)),
        "oft-bound": (DiagOFTModule, dict(lora_dim=4, constraint=0.05, rescaled=True), (linear, conv)),
        "boft": (ButterflyOFTModule, dict(lora_dim=4, constraint=0), (linear, conv)),
        "boft-bound": (ButterflyOFTModule, dict(lora_dim=8, constraint=0.05, rescaled=True), (linear, conv)),
        "full": (FullModule, {}, (linear, conv)),
        "norm": (NormModule, {}, (norm,)),
    }
    for name, (kind, options, layers) in cases.items():
        keys = {}
        for layer in layers:
            at = "lycoris_" + layer.replace(".", "_")
            module = kind(at, pipe.unet.get_submodule(layer), 1.0, **options)
            state = module.custom_state_dict() if hasattr(module, "custom_state_dict") else module.state_dict()
            state = state or module.state_dict()
            for key, value in state.items():
                full = f"{at}.{key}"
                keys[full] = float(value) if value.ndim == 0 else list(value.shape)
                target = {"diff": "weight", "diff_b": "bias"}.get(key, key) if name == "full" else key
                if value.ndim > 0:
                    place = dict(module.named_parameters()) | dict(module.named_buffers())
                    place[target].data.copy_(values(full, value.shape))
            merged = merge(module, pipe.unet.get_submodule(layer).weight.shape)
            out[f"{name}.{layer}.weight"] = merged[0].detach().flatten()[::STRIDE].clone()
            if name == "boft":
                # A weight counts in each stage.
                less = module.get_merged_weight(0.6, pipe.unet.get_submodule(layer).weight.shape)[0]
                out[f"boft-0.6.{layer}.weight"] = less.detach().flatten()[::STRIDE].clone()
            if merged[1] is not None:
                out[f"{name}.{layer}.bias"] = merged[1].detach().flatten()[::STRIDE].clone()
        write_list(name, keys)


@torch.no_grad()
def main():
    OUT.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator("cpu").manual_seed(7)
    out = {"latents": torch.randn(1, 4, 8, 8, generator=generator), "prompt": torch.randn(1, 7, 32, generator=generator),
           "ids": torch.randint(0, 49000, (1, 9), generator=generator)}
    pipe = pipeline()
    ranks = lambda name: 1 if "attn2" in name else 4
    cases = {"kohya": kohya(pipe, is_transformer), "kohya-conv": kohya(pipe, lambda n: is_conv(n) or is_attention(n), text=False),
             "kohya-ranks": kohya(pipe, is_transformer, text=False, ranks=ranks), "peft": peft(pipe, is_transformer),
             "peft-dora": peft(pipe, is_attention, dora=True), "processors": processors(pipe)}
    for name, keys in cases.items():
        pipe = pipeline()
        pipe.load_lora_weights(filled(keys), adapter_name="a")
        text = [n for n, _ in pipe.text_encoder.named_modules() if n.endswith(".lora_A.a")]
        unet = [n for n, _ in pipe.unet.named_modules() if n.endswith(".lora_A.a")]
        print(name, len(keys), "layers:", len(unet), "of the UNet,", len(text), "of the text encoder")
        # Loading an adapter begins some parameters of the encoder anew.
        for part, prefix in ((pipe.unet, ""), (pipe.text_encoder, "text_model.")):
            for key, parameter in part.named_parameters():
                if "lora_" not in key:
                    parameter.copy_(values(prefix + key.replace(".base_layer", ""), parameter.shape))
        # diffusers 0.42 with transformers 5 takes the first alpha of an encoder for all of them.
        for key, module in pipe.text_encoder.named_modules():
            if name == "kohya" and hasattr(module, "lora_alpha"):
                module.lora_alpha["a"] = ALPHA + int(key.split(".")[-3])
        # How a weight other than 1 scales a DoRA is another thing in PEFT than in A1111 and ComfyUI.
        weights = {"unet": 1.0} if "dora" in name else WEIGHTS
        pipe.set_adapters("a", adapter_weights=[weights if text else weights["unet"]])
        out[f"{name}.unet"] = pipe.unet(out["latents"], torch.tensor(500), out["prompt"]).sample
        if text:
            out[f"{name}.text"] = pipe.text_encoder(out["ids"]).last_hidden_state
        write_list(name, keys)
    pipe = pipeline()
    out["plain.unet"] = pipe.unet(out["latents"], torch.tensor(500), out["prompt"]).sample
    out["plain.text"] = pipe.text_encoder(out["ids"]).last_hidden_state
    lycoris(pipe, out)
    save_file({key: value.contiguous() for key, value in out.items()}, OUT / "expected.safetensors")


if __name__ == "__main__":
    main()
