//! The help of `generate` on one screen, by groups; `--help-all` prints the rest. A test holds it to the flags there are.

/// At most 30 lines of 80 columns.
pub const SHORT: &str = "\
Make pictures from a prompt; the daemon is started when none runs.

Usage: darkroom generate PROMPT [OPTIONS]     (PROMPT - reads standard input)

Picture
  -n, --negative TEXT    what to avoid
  -i, --init-image FILE  begin with a picture; --denoise X, --mask FILE alter it
      --size WxH         width and height, for instance 512x768; or -W and -H
  -b, --batch N          how many pictures
      --seed N           the same seed makes the same picture
      --steps N          denoising steps
      --cfg X            how closely to follow the prompt
      --sampler NAME     how to step, and --schedule NAME in which steps
Model
  -m, --model TEXT       a folder, a .safetensors file, or a name
      --lora NAME        add a LoRA, NAME:0.8 by so much; <lora:NAME:0.8> too
      --device TEXT      cpu, cuda:0, …; --dtype and --quant choose numbers
      --keep-alive TIME  how long the model stays in memory afterwards
Output
  -o, --output PATH      write here; a folder, {index}, {seed}; - is stdout
      --show             show the pictures in the terminal
      --preview          show them in the making, too
      --upscaler NAME    make them larger; --upscale N by so much
      --json, --events   a JSON object a picture, or an event
      --detach           do not wait: print the job's id
  -q, --quiet            no progress and no notices
      --priority N       jobs of a higher priority run first

  --help-all  every flag with its range and default; docs/parameters.md
";
