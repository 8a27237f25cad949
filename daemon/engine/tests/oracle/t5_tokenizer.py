"""T5's table of pieces, and what its tokenizer makes of 500 texts: assets/t5_spiece.model.gz and fixtures/t5-tokenizer/cases.json.gz.

    python t5_tokenizer.py TOKENIZER_JSON

The file is that of google/t5-v1_1-xxl, which FLUX.1, Chroma and Stable Diffusion 3 have (Apache 2.0). The table is written as
sentencepiece has it, less the hundred marks that no prompt holds. Each case is [text, ids], the ids without padding, the end mark
included, as transformers' fast tokenizer gives them; a padded one has as many ones in its mask, which is asserted here. Needs
transformers, tokenizers, sentencepiece, protobuf; last run with transformers 5.24.0.
"""
import base64
import gzip
import json
import pathlib
import random
import sys

from sentencepiece import sentencepiece_model_pb2 as pb
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from clip_tokenizer import CONTROLS, NORMAL, PROMPTS, SPACES, mixed

HERE = pathlib.Path(__file__).resolve().parent
ASSET = HERE.parent.parent / "assets" / "t5_spiece.model.gz"
FIXTURE = HERE.parent / "fixtures" / "t5-tokenizer" / "cases.json.gz"
MARKS = ["</s>", "a </s> b", "<pad>", "<unk>", "<extra_id_0>", "a<extra_id_99>b", "<extra_id_100>", "▁", "a▁b", "▁▁a", "a  b", "a   b ", " a", "  a  ", "\na\n", "a \n b"]


def pack(spec):
    model = pb.ModelProto()
    for i, (piece, score) in enumerate(spec["model"]["vocab"]):
        if "<extra_id_" not in piece:
            model.pieces.add(piece=piece, score=score, type={0: 3, 1: 3, 2: 2}.get(i, 1))
    model.normalizer_spec.name = "nmt_nfkc"
    model.normalizer_spec.precompiled_charsmap = base64.b64decode(spec["normalizer"]["normalizers"][0]["precompiled_charsmap"])
    return gzip.compress(model.SerializeToString(), 9, mtime=0)


def main():
    spec = json.loads(pathlib.Path(sys.argv[1]).read_text())
    ASSET.write_bytes(pack(spec))
    fast = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(spec)), clean_up_tokenization_spaces=False, eos_token="</s>",
                                   unk_token="<unk>", pad_token="<pad>", model_max_length=512)
    texts = list(dict.fromkeys([t for t in PROMPTS + SPACES + CONTROLS + NORMAL + MARKS] + list(mixed(400, 7))))
    random.Random(1).shuffle(texts)
    texts = texts[:498] + ["red apple, " * 400, "日本の夜、" * 120]
    cases = []
    for text in texts:
        ids = fast(text).input_ids
        padded = fast(text, padding="max_length", max_length=512, truncation=True)
        cut = ids if len(ids) <= 512 else ids[:511] + [1]
        assert padded.input_ids == cut + [0] * (512 - len(cut)) and sum(padded.attention_mask) == len(cut)
        cases.append([text, ids])
    FIXTURE.parent.mkdir(exist_ok=True)
    FIXTURE.write_bytes(gzip.compress(json.dumps(cases, ensure_ascii=False).encode(), 9, mtime=0))
    print(len(cases), "cases", FIXTURE.stat().st_size, "table", ASSET.stat().st_size)


if __name__ == "__main__":
    main()
