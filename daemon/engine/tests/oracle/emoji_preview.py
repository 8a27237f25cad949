"""The matrix that turns latents of the model in assets/emoji into colours, for previews: a row of
protocol/formats/src/card/latents.rs.

    python emoji_preview.py

Pictures are made from words that the model knows; each latent cell is one sample, the mean colour of the square of pixels that it
decodes to is what it should come to, and matrix and bias are the least squares. Needs torch, diffusers, transformers.
Last run with diffusers 0.42.1, transformers 5.23.0, torch 2.11.0.
"""
import pathlib

import torch
from diffusers import StableDiffusionPipeline

MODEL = pathlib.Path(__file__).resolve().parent.parent.parent / "assets" / "emoji"
WORDS = """red apple|green apple|dog face|cat face|fox|lion|frog|panda|rose|tulip|sunflower|cactus|tree|rainbow|fire|water wave|snowman|
sun|moon|star|pizza|hamburger|cake|ice cream|banana|grapes|strawberry|car|bus|train|airplane|rocket|ship|bicycle|house|castle|
football|guitar|piano|book|key|heart|blue heart|ghost|robot|alien|smiling face|angry face|crown|hat|shoe|bell|clock|umbrella|gift|
balloon|flag|whale|octopus|butterfly""".replace("\n", "").split("|")


@torch.no_grad()
def main():
    pipe = StableDiffusionPipeline.from_pretrained(MODEL, safety_checker=None, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    torch.manual_seed(0)
    factor = pipe.vae_scale_factor
    side = pipe.unet.config.sample_size * factor
    samples, colours = [], []
    for word in WORDS:
        latents = pipe(word, height=side, width=side, num_inference_steps=20, guidance_scale=4.0, output_type="latent").images
        pixels = pipe.vae.decode(latents / pipe.vae.config.scaling_factor).sample.clamp(-1, 1)
        colours.append(torch.nn.functional.avg_pool2d(pixels, factor).permute(0, 2, 3, 1).reshape(-1, 3))
        samples.append(latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1]))
    samples, colours = torch.cat(samples).double(), torch.cat(colours).double()
    design = torch.cat([samples, torch.ones(len(samples), 1).double()], 1)
    held = torch.arange(len(design)) % 5 == 0
    fit = torch.linalg.lstsq(design[~held], colours[~held]).solution
    left = (design[held] @ fit - colours[held]).pow(2).mean(0)
    print("explained, of cells held back:", (1 - left / colours[held].var(0)).tolist())
    for row in torch.linalg.lstsq(design, colours).solution:
        print("[" + ", ".join(f"{x:.6f}" for x in row.tolist()) + "],")


if __name__ == "__main__":
    main()
