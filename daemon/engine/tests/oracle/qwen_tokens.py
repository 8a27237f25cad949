"""Prompts and their ids, as transformers' Qwen2Tokenizer reads them within Qwen3's chat template: fixtures/qwen-tokens.

    python qwen_tokens.py TOKENIZER

TOKENIZER is a folder with Qwen3's vocab.json, merges.txt and tokenizer_config.json (its vocabulary is Qwen2.5's). 500 prompts: of English,
Chinese, Japanese, Korean, Russian, Arabic, Hindi and emoji words, quotations, numbers, code, odd spaces and characters that fall apart,
and two of 2,000 tokens and more. The file is JSON, [[prompt, [id, ...]], ...]. Needs transformers; last run with 5.24.0.
"""
import gzip
import json
import pathlib
import random
import sys

from transformers import AutoTokenizer

from z_image import templated

FIXTURE = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "qwen-tokens"
WORDS = """a the of lighthouse dusk portrait woman's they've don't I'LL 35mm f/1.8 ISO-400 8K HDR (masterpiece:1.2) [blurry] {red|blue} cat, dog; sea. Moon! why?
photograph illustration watercolour naïve café Zürich façade œuvre coöperate résumé "OPEN" 'closed' “quoted” «guillemets» —dash– … ½ ² ™ € £5 $19.99 100% #1 @home C++ x_y
一只猫 坐在 窗台上 招牌写着 「開門」 『營業中』 ，。！？ 水墨画 山水 汉字 龍 灯台 夕暮れ 桜の花びら カタカナ ひらがな 東京タワー 고양이 등대 한국어 간판 маяк закат Москва ёж
منارة الغروب قطة بيضاء बिल्ली समुद्र सूर्यास्त 🐱 👩‍👩‍👧‍👦 🇯🇵 ❤️ 👍🏽 😀😀 é é ﬁ Å ｆｕｌｌ 𝔉𝔯 zero​width nb sp <|im_end|> <|endoftext|> <think> </think> <lora:x:1> \\n \\t
for(int i=0;i<10;++i){printf("%d",i);} {"key":[1,2,3]} https://example.org/a?b=c&d=%20 3.14159265 1234567890 0x7f --flag -v snake_case camelCase HTTPServer""".split(" ")
SPACES = [" ", " ", " ", " ", ", ", "  ", "\n", "\t", "", " \n ", "\r\n", "   ", "\u3000"]


def main():
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    draw = random.Random(0)
    pieces = [piece for word in WORDS for piece in word.split("\n") if piece]
    prompts = ["", " ", "\n", "a", "A cat.", "  leading", "trailing  ", "\u00a0", "\ufeffbom", "\U0001f9ff", "\ud7ff", "e\u0301\u0301", "'", "''s", "I'm", "i'M"]
    while len(prompts) < 498:
        length = draw.choice([1, 2, 3, 5, 8, 13, 21])
        prompts.append("".join(draw.choice(pieces) + draw.choice(SPACES) for _ in range(length)))
    prompts += [" ".join(draw.choice(pieces) for _ in range(length)) for length in (700, 900)]
    found = [[prompt, tokenizer(templated(tokenizer, prompt)).input_ids] for prompt in prompts]
    print(len(found), "prompts,", sum(len(ids) for _, ids in found), "tokens, at most", max(len(ids) for _, ids in found))
    FIXTURE.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()
    with open(FIXTURE / "prompts.json.gz", "wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=9, mtime=0) as packed:
        packed.write(text)


if __name__ == "__main__":
    main()
