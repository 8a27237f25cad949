"""What `darkroom bench --json` measures, done by diffusers' own pipeline in eager mode; or both in turn, as a table.

    python bench.py FOLDER [--size 512x512] [--steps 3] [--dtype bf16|f32] [--threads N]
    python bench.py FOLDER ... --against PATH/TO/darkroom [--pairs 3]

Needs torch, diffusers, transformers; Linux. Times are in milliseconds, memory is in bytes.
"""
import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

ROWS = ["process_start_to_first_step_ms", "load_ms", "encode_ms", "first_step_ms", "step_ms_median", "decode_ms", "total_ms", "rss_peak"]


def since_process_start():
    """Seconds since the system started this process."""
    ticks = int(pathlib.Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def measure(args):
    import torch
    from diffusers import StableDiffusionPipeline

    if args.threads:
        torch.set_num_threads(args.threads)
    width, height = map(int, args.size.split("x"))
    begun = time.perf_counter()
    dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[args.dtype]
    pipe = StableDiffusionPipeline.from_pretrained(args.folder, torch_dtype=dtype, safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    loaded = time.perf_counter()
    with torch.inference_mode():
        words = dict(prompt="a photograph of a red apple", negative_prompt="", device="cpu", num_images_per_prompt=1,
                     do_classifier_free_guidance=True)
        prompt, negative = pipe.encode_prompt(**words)
        encoded = time.perf_counter()
        to_first = since_process_start()
        marks = [time.perf_counter()]

        def note(_pipe, _step, _timestep, kwargs):
            marks.append(time.perf_counter())
            return kwargs

        latents = pipe(prompt_embeds=prompt, negative_prompt_embeds=negative, width=width, height=height, guidance_scale=7.0,
                       num_inference_steps=args.steps, generator=torch.Generator("cpu").manual_seed(0), output_type="latent",
                       callback_on_step_end=note).images
        stepped = time.perf_counter()
        pixels = pipe.vae.decode(latents / pipe.vae.config.scaling_factor, return_dict=False)[0]
        picture = pipe.image_processor.postprocess(pixels, output_type="pil")[0]
        decoded = time.perf_counter()
    picture.save(os.devnull, "png")
    steps = [1e3 * (b - a) for a, b in zip(marks, marks[1:])]
    return {
        "process_start_to_first_step_ms": 1e3 * to_first,
        "load_ms": 1e3 * (loaded - begun),
        "encode_ms": 1e3 * (encoded - loaded),
        "first_step_ms": steps[0],
        "step_ms_median": statistics.median(steps[1:] or steps),
        "step_ms": steps,
        "decode_ms": 1e3 * (decoded - stepped),
        "total_ms": 1e3 * (time.perf_counter() - begun),
        "rss_peak": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "threads": torch.get_num_threads(),
        "dtype": args.dtype,
    }


def run(command):
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])


def compare(args):
    flags = ["--size", args.size, "--steps", str(args.steps), "--dtype", args.dtype]
    flags += ["--threads", str(args.threads)] if args.threads else []
    pairs = []
    for n in range(args.pairs):
        jobs = [[args.against, "bench", "-m", args.folder, "--json", *flags], [sys.executable, __file__, args.folder, *flags]]
        # Who goes first changes, so that what drifts falls on both.
        found = {at: run(jobs[at]) for at in ((0, 1) if n % 2 == 0 else (1, 0))}
        pairs.append((found[0], found[1]))
        print(f"pair {n + 1}: {found[0]['step_ms_median']:.0f} ms, diffusers {found[1]['step_ms_median']:.0f} ms", file=sys.stderr)
    print("| | darkroom | diffusers | ratio |\n|---|---|---|---|")
    for row in ROWS:
        ours, theirs = (statistics.median(pair[side][row] for pair in pairs) for side in (0, 1))
        ratio = statistics.median(pair[0][row] / pair[1][row] for pair in pairs)
        scale, unit = (2**30, "GiB") if row == "rss_peak" else (1e3, "s")
        print(f"| `{row}` | {ours / scale:.2f} {unit} | {theirs / scale:.2f} {unit} | {ratio:.2f} |")


def main():
    args = argparse.ArgumentParser()
    args.add_argument("folder")
    args.add_argument("--size", default="512x512")
    args.add_argument("--steps", type=int, default=3)
    args.add_argument("--dtype", choices=["bf16", "f32"], default="bf16")
    args.add_argument("--threads", type=int)
    args.add_argument("--against", help="a darkroom to run in turn with this")
    args.add_argument("--pairs", type=int, default=3)
    args = args.parse_args()
    if args.against:
        compare(args)
    else:
        print(json.dumps(measure(args)))


if __name__ == "__main__":
    main()
