"""Hard strings and the ids that transformers' CLIPTokenizer gives them: protocol/formats/tests/fixtures/clip-tokenizer/strings.json.

    python clip_tokenizer.py VOCAB_JSON MERGES_TXT

The two files are OpenAI CLIP's (openai/clip-vit-large-patch14). Needs transformers; last run with 5.23.0. Each case is
[text, times, ids]: the text repeated `times` times. `sd2` holds ids with `!` as the padding mark, as Stable Diffusion 2 has it.
"""
import json
import pathlib
import random
import sys
import unicodedata

from transformers import CLIPTokenizer

FIXTURE = pathlib.Path(__file__).resolve().parents[4] / "protocol/formats/tests/fixtures/clip-tokenizer/strings.json"

PROMPTS = """a photograph of a red apple, highly detailed|blurry|masterpiece, best quality, 1girl, solo, (looking at viewer:1.2)
an oil painting in the style of Van Gogh|portrait of Emma-Louise O'Neill, 85mm, f/1.8, ISO 100|4k 8K UHD HDR octane render
isn't it? they're, we've, I'm, you'll, he'd, it's, DON'T, CAN'T, I'VE, 'tis, rock'n'roll, o''clock|''''|'s|'S|'re|'RE|'ll'd've
hello</w>|<|startoftext|>|<|endoftext|>|a <|endoftext|> b|<|startoftext|>cat<|endoftext|>|<|end of text|>|<|endoftext|<|endoftext|>
1234567890|3.14159|1,000,000|2024-08-23|1/2|x2|2x|٣٤٥|四五六|½ ⅓ ¾|²³|Ⅷ|①②③|12:30pm|0x1F|1e-5|#1|№ 5
C++|C#|a_b_c|a-b-c|a--b|a—b|a…b|a...b|!!!|?!?!|((((a))))|[b:0.5]|{c|d}|\\(e\\)|@user #tag $5 %50 ^2 &and *star*
naïve café résumé|Ångström|smörgåsbord|ŁÓDŹ|İstanbul|ISTANBUL ı|ß ẞ STRASSE|Ǆ ǅ ǆ|ﬁ ﬂ ﬀ|Ω Ω|K K|ſ s
über GROẞ|ΟΔΥΣΣΕΥΣ|Σίσυφος ΣΊΣΥΦΟΣ|Привет МИР|Ёлка|日本語のテキスト|中文提示词，红苹果|한국어 텍스트|ไทย|हिन्दी में|עברית|العربية|فارسی ۱۲۳
👍|👍🏽|👨‍👩‍👧‍👦|🏳️‍🌈|🇫🇷🇩🇪|😀😃😄 😁|❤️ ❤|☕️|🦄🍎🍕|🫠🫡|a👍b|👍👍👍|1️⃣2️⃣|©®™|→←↑↓|∀x∈ℝ: ⌈x⌉|♥♦♣♠|𝔘𝔫𝔦𝔠𝔬𝔡𝔢|𝒜𝓃|Ｆｕｌｌｗｉｄｔｈ　ｔｅｘｔ""".replace("\n", "|").split("|")
PROMPTS += ["<|startoftext|>", "<|endoftext|>", "a <|endoftext|> b", "x<|startoftext|>y<|endoftext|>z", "<|endoftext|><|endoftext|>", "{c|d}", "|", "||", "a|b", " | "]

# Prompts as people write them, without syntax: counts.json says how many tokens each has.
COUNTED = """a fox|a red fox in the snow, golden hour, 85mm photograph|masterpiece, best quality, highly detailed, 8k|portrait of Emma-Louise O'Neill, f/1.8, ISO 100
isn't it? they're, we've, I'm, you'll, he'd, it's|lowres, bad anatomy, bad hands, text, error, missing fingers, extra digit, fewer digits, cropped, worst quality
naïve café résumé, smörgåsbord|日本語のテキスト|中文提示词，红苹果|Привет МИР|한국어 텍스트|👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈|C++ and C#, a_b_c, a-b-c|1,000,000 or 3.14159 or 1/2
supercalifragilisticexpialidocious|by greg rutkowski and artgerm, trending on artstation|trailing spaces   |line\\nbreak and\\ttab|1girl, solo, long hair, looking at viewer, school uniform, cherry blossoms, depth of field
photo of an astronaut riding a horse on mars|İstanbul, ΟΔΥΣΣΕΥΣ, ŁÓDŹ|!!! ?!?! ...|#1 @user $5 50% ^2 &and *star*|½ ⅓ ¾ x²""".replace("\n", "|").split("|")

SPACES = ["", " ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u3000", "\u200b", "\ufeff", "\u2028", "\u0085", "\x0b", "\x0c", "\x1c", "\u180e", "\u202f",
          " leading", "trailing ", "  two  spaces  ", "tab\tbed", "line\nbreak", "cr\r\nlf", "nb\u00a0sp", "zero\u200bwidth", "bom\ufeffbom", "\ufeffa", "ideo\u3000graphic", "a\u2028b",
          "a\u0085b", "a\x1cb", "a\u180eb"]
CONTROLS = [chr(c) for c in range(0x20)] + ["\x7f", "\x80", "\x9f", "a\x00b", "\x00\x00", "\x1b[31mred\x1b[0m", "\u200e\u200f", "\u202eabc", "soft\u00adhyphen", "\ufffd", "\ufffe", "\uffff", "\ue000", "\U0010ffff", "\U000e0001"]
NORMAL = ["e\u0301", "é", "A\u030a", "\u212b", "\u1e9b\u0323", "q\u0307\u0323", "q\u0323\u0307", "\u0301", "a\u0301\u0302\u0303", "\uac00", "\u1100\u1161", "\u1100\u1161\u11a8", "\u0344", "\u0958",
          "\u2126", "i\u0307", "I\u0307", "\u0130", "\u0130\u0307", "\u1f88", "\u1fbc", "\u01c5", "\u03a3", "A\u03a3", "A\u03a3 B", "\u03a3A", "\ufb03", "\u1e9e"]
LONG = [["a", 5000], ["a ", 2000], ["supercalifragilistic", 40], ["1", 500], ["!", 900], ["👍", 300], ["日", 400], [" ", 3000], ["red apple, ", 400], ["é", 600], ["'s", 300], ["e\u0301", 300]]


def mixed(count, seed):
    """Strings of randomly chosen runs from many scripts."""
    pick = random.Random(seed)
    words = ["cat", "Dog", "HELLO", "it's", "they'd", "photo", "8k", "bokeh", "Münze", "naïve", "rötlich", "Иван", "ΑΒΓ", "東京", "서울", "กา", "मां", "عر", "🍎", "👩‍🎨", "❤️", "½", "x²", "42", "3.5", "...", "--", "!?", "(((", ":1.3)",
             "<|endoftext|>", "<lora:x:0.8>", "\u200d", "\u00a0", "\t", "\n", "e\u0301", "\u0130", "Ⅻ", "_", "'", "''s", "'LL", "\x01", "\ufe0f"]
    ranges = [(0x20, 0x7f), (0xa0, 0x250), (0x300, 0x370), (0x370, 0x530), (0x590, 0x700), (0x900, 0xe80), (0x1e00, 0x2000), (0x2000, 0x2c00), (0x3000, 0x3200), (0x4e00, 0x9fff), (0xac00, 0xd7a4),
              (0xf900, 0x10000), (0x10000, 0x10500), (0x1d400, 0x1d800), (0x1f000, 0x1fb00), (0x20000, 0x20100), (0xe0000, 0xe0100)]
    for _ in range(count):
        parts = []
        for _ in range(pick.randrange(1, 8)):
            if pick.random() < 0.6:
                parts.append(pick.choice(words))
            else:
                low, high = pick.choice(ranges)
                parts.append("".join(chr(pick.randrange(low, high)) for _ in range(pick.randrange(1, 4))))
        yield pick.choice(["", " ", "  "]).join(parts)


def main():
    vocab, merges = sys.argv[1:3]
    clip = CLIPTokenizer(vocab, merges)
    sd2 = CLIPTokenizer(vocab, merges, pad_token="!")
    ids = lambda tokenizer, text: tokenizer(text, add_special_tokens=False).input_ids
    texts = dict.fromkeys(PROMPTS + SPACES + CONTROLS + NORMAL + list(mixed(500, 1)))
    texts = [t for t in texts if not any(0xD800 <= ord(c) < 0xE000 for c in t)]
    cases = [[t, 1, ids(clip, t)] for t in texts] + [[t, n, ids(clip, t * n)] for t, n in LONG]
    bangs = ["!", "hello!", "hello !", "!hello", "wow!!!", "a!b", "! !", "no bang"]
    out = {"clip": cases, "sd2": [[t, 1, ids(sd2, t)] for t in bangs]}
    FIXTURE.parent.mkdir(parents=True, exist_ok=True)
    lines = lambda rows: "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]"
    FIXTURE.write_text('{"clip":' + lines(out["clip"]) + ',\n"sd2":' + lines(out["sd2"]) + "}\n")
    counts = [[text, len(ids(clip, text))] for text in (c.replace("\\n", "\n").replace("\\t", "\t") for c in COUNTED)]
    FIXTURE.with_name("counts.json").write_text(lines(counts) + "\n")
    print(len(cases), "strings,", sum(len(c[2]) for c in cases), "ids,", FIXTURE.stat().st_size, "bytes, unicode", unicodedata.unidata_version)


if __name__ == "__main__":
    main()
