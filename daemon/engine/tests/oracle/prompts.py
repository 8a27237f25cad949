"""How other programs read prompts, and what a tiny CLIP says of them: fixtures/prompts.

    python prompts.py WEBUI COMFYUI CLIP_TOKENIZER_FOLDER

WEBUI is a folder laid out as AUTOMATIC1111's stable-diffusion-webui, COMFYUI one laid out as ComfyUI; of both only the files about prompts
are imported. The committed values were made with these files alone, as Forge and ComfyUI publish them, not with whole checkouts. Needs torch, transformers, compel, lark, safetensors. Last run with transformers 5.24.0, torch 2.11.0, compel 2.5.1, lark 1.3.

Cases are those of the docstrings there, some by hand, and random ones of a fixed seed. Where several loose brackets touch each other the
Earley parser takes edits beside them for text by accident: random cases have a letter between such brackets. A BREAK between weighed
brackets is a word there and a break here: random cases have none.
"""
import json
import pathlib
import random
import re
import sys
import types

import torch
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from fill import fill, values

FIXTURE = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "prompts"
pick = random.Random(13)


class Options:
    emphasis = "Original"
    comma_padding_backtrack = 20
    CLIP_stop_at_last_layers = 1
    use_old_emphasis_implementation = False
    textual_inversion_add_hashes_to_infotext = False
    sdxl_clip_l_skip = False


class NoConcepts:
    def find_embedding_at_position(self, tokens, position):
        return None, None


def webui(folder):
    """Its modules about prompts, beside stand-ins for those that they import."""
    sys.path.insert(0, folder)
    for name in ["modules.shared", "modules.devices", "modules.sd_hijack"]:
        sys.modules[name] = types.ModuleType(name)
    sys.modules["modules.shared"].opts = Options
    sys.modules["modules.devices"].device = torch.device("cpu")
    sys.modules["modules.devices"].torch_npu_set_device = lambda: None
    import modules
    for name in ["shared", "devices", "sd_hijack"]:
        setattr(modules, name, sys.modules["modules." + name])
    from modules import prompt_parser, sd_hijack_clip
    return prompt_parser, sd_hijack_clip


def comfyui(folder):
    sys.path.insert(0, folder)
    for name in ["ops", "model_management", "clip_model", "utils", "model_patcher"]:
        sys.modules["comfy." + name] = types.ModuleType("comfy." + name)
    from comfy import sd1_clip
    return sd1_clip


WORDS = ["a", "fox", " ", "big red", ",", "ü", "1", "0.5", "\\(x\\)", "\\\\", "BREAK", " BREAK ", "breakfast", "\n", "-", "3:2", "\\a"]
LOOSE = ["a)b", "c(d", "e]f", "g[h", "i:j"]


def attention(depth=0):
    """A text with weights, and some brackets that match nothing."""
    kinds = ["word"] * 4 + ["round", "square", "weight", "loose"] if depth < 4 else ["word"]
    out = []
    for _ in range(pick.randrange(1, 4)):
        kind = pick.choice(kinds)
        inside = attention(depth + 1) if kind in ("round", "square", "weight") else ""
        number = pick.choice(["1.3", "0.5", " 1.2 ", "-1", ".8", "2.", "+1.05", "0"])
        out.append({"word": pick.choice(WORDS), "round": f"({inside})", "square": f"[{inside}]", "weight": f"({inside}:{number})",
                    "loose": pick.choice(["(", ")", "[", "]", ":", ":1.2)", "\\"])}[kind])
    return "".join(out)


def edits(depth=0):
    """A text that changes over the steps."""
    kinds = ["word"] * 3 + ["edit", "comes", "goes", "choice", "round", "square"] + ["loose"] * (depth == 0) if depth < 3 else ["word"]
    out = []
    for _ in range(pick.randrange(1, 4)):
        kind = pick.choice(kinds)
        one, two, three = (edits(depth + 1) if depth < 3 and kind not in ("word", "loose") else "" for _ in range(3))
        time = pick.choice(["3", "0.5", " 4 ", ".25", "5.", "1e0", "-2", "0", "1.5", "100", " .75"])
        word = pick.choice([w for w in WORDS if ":" not in w and "\n" not in w and w != "\\a"])
        out.append({"word": word, "edit": f"[{one}:{two}:{time}]", "comes": f"[{one}:{time}]", "goes": f"[{one}::{time}]",
                    "choice": pick.choice([f"[{one}|{two}]", f"[{one}|{two}|{three}]", f"[{one}|]"]), "round": f"({one}:{two})",
                    "square": f"[{one}]", "loose": pick.choice(LOOSE)}[kind])
    return "".join(out)


def documented(module, function):
    """The prompts of the examples in a docstring of the module."""
    text = pathlib.Path(module.__file__).read_text()
    return [eval(line) for line in re.findall(function + r"\((['\"].*['\"])\)$", text, re.M)]


ATTENTION = ["", "normal text", "an (important) word", "(unbalanced", "\\(literal\\]", "(unnecessary)(parens)", "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
             "a BREAK b", "BREAK", "BREAK a BREAK BREAK b BREAK", "a BREAK, b", "xBREAKx", "(a:1.2) BREAK (b)", "([)]", "[(a:1.1]b)", "((((deep))))", ":1.3)", "(a:1.1", "a)", "]", "(:1.3)", "()", "(a)(b:1.1)"]
SCHEDULES = ["test", "a [b:3]", "a [b: 3]", "a [[[b]]:2]", "[(a:2):3]", "a [b : c : 1] d", "a[b:[c:d:2]:1]e", "a [unbalanced", "a [b:.5] c", "a [{b|d{:.5] c", "((a][:b:c [d:3]", "[a|(b:1.1)]", "[fe|]male",
             "[fe|||]male", "fantasy landscape with a [mountain:lake:0.25] and [an oak:a christmas tree:0.75][ in foreground::0.6][: in background:0.25] [shoddy:masterful:0.5]", "", "a | b", "(a|b)", "a\\", "\\[a:b:3\\]",
             "[a:b:c:3]", "[a:b]", "[:5]", "[::5]", "[a:b:3", "[a|b", "[[a|b]|c]", "[a:[b|c]:4]", "[cow|cow|horse|man]", "[a:b:0]", "[a:b:-1]", "[a:b:99]", "[a:b:1.]", "[a:b:2e0]", "[a:b:x]", "[a\\:b:3]", "[to:when]", "[from::when]"]
COMPOSED = ["a", "a AND b", "a :1.2 AND b : .5", "a AND b:2. AND c:-1", "AND", "a AND", "AND a", "a AND AND b", "SAND AND HANDLE", "a AND_SALT b", "a:b AND c:1:2", "a AND b:1.2.3", "a AND b:x", "a\nAND\nb :1", "a AND b: +0.5 ",
            " a AND  b  ", "[a AND b:c:3]", "(x:1.2) AND (y:1.2)", "a AND b:1e3", "a.AND.b", "éAND AND b"]
COMFY = ["a", "(a)", "((a))", "(a:1.3)", "((a:1.3))", "((a:1.3):0.5)", "(a (b:1.2) c)", "(a (b) c:0.8)", "a (b", "a) b (c)", "()", "(:1.2)", "(a:b)", "(a:1.2:1.3)", "\\(a\\) (b\\):1.2)", "a (b)(c) d", "(a: 1.5 )", "", "[a]", "(a:-1)", "((((x))))"]
COMPEL = ["a fox", "a fox++ runs", "a fox--", "a (red fox)1.3 runs", "(red fox)++", "(red (big)++ fox)--", "(a)0.5 (b)2", "a \"red fox\"++ runs", "((x)1.1)1.1", "a tall+++, thin-- man", "well-known fox", "a (red, big)++ fox.",
          "\\(plain\\) fox++", "a (fox)", "word+", "(a b)+ (c d)-", "big++, small--", "(one (two (three)++)++)++", "a, b, c", "(x)-- y", "(half)0.25", "\"quoted words\"1.4", "red+ red red", "(a b c)1", "ü++ ä--"]
LONG = ["a " * 75, "a " * 76, "red apple, " * 40, "a, " + "b " * 73 + "c d e f", "b " * 60 + ", " + "c " * 30, "b " * 50 + ", " + "c " * 30, ", " * 80, "a (b:1.3) BREAK c", "BREAK BREAK a", "(" + "x " * 100 + ":0.7)", "a BREAK", "b " * 74 + ", c d",
        "b " * 75 + ", c d", "b " * 55 + ", " + "c " * 19 + "d", "b " * 54 + ", " + "c " * 20 + "d", "a fox " * 13 + "(many words, " * 12 + "end:1.2)", "one, two BREAK three, " + "four " * 80]
STATES = ["a fox in the snow", "a (red:1.4) fox in [the] snow", "(a:0.5) b (c:1.7)", "(fox, " * 30 + "end", "a (red:1.3) fox BREAK (blue:0.8) sky"]


def compel_fragments(prompt):
    from compel.prompt_parser import PromptParser
    parts = PromptParser().parse_conjunction(prompt).prompts
    assert len(parts) == 1
    return [[fragment.text, fragment.weight] for fragment in parts[0].children]


def usable(parse, text):
    try:
        return parse(text)
    except (ValueError, ZeroDivisionError):
        return None


@torch.no_grad()
def states(hijack, parser, comfy, tokenizer):
    """Hidden states of a CLIP of random weights by each program's rule."""
    config = CLIPTextConfig(vocab_size=49408, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2, max_position_embeddings=77, bos_token_id=49406, eos_token_id=49407, hidden_act="quick_gelu")
    model = fill(CLIPTextModel(config), prefix="text_model.")
    if not hasattr(model, "text_model"):
        model.text_model = types.SimpleNamespace(final_layer_norm=model.final_layer_norm)
    wrapped = types.SimpleNamespace(tokenizer=tokenizer, transformer=model)
    clip = hijack.FrozenCLIPEmbedderWithCustomWords(wrapped, types.SimpleNamespace(embedding_db=NoConcepts(), extra_generation_params={}))
    out = {}
    for number, text in enumerate(STATES):
        for emphasis in ["Original", "No norm", "Ignore"]:
            Options.emphasis = emphasis
            out[f"{number}.{emphasis}"] = clip([text])
        Options.emphasis = "Original"
        chunks, _ = clip.tokenize_line(text)
        encoder = comfy.ClipTokenWeightEncoder()
        encoder.special_tokens = {"start": 49406, "end": 49407, "pad": 49407}
        encoder.encode = lambda tokens: (model(torch.tensor(tokens)).last_hidden_state.clone(), None)
        out[f"{number}.Comfy"], _ = encoder.encode_token_weights([list(zip(chunk.tokens, chunk.multipliers)) for chunk in chunks])
        if len(chunks) == 1:
            from compel.embeddings_provider import EmbeddingsProvider
            pieces = parser.parse_prompt_attention(text)
            provider = EmbeddingsProvider(tokenizer, model, truncate=True, device="cpu")
            out[f"{number}.Compel"] = provider.get_embeddings_for_weighted_prompt_fragments([[text for text, _ in pieces]], [[weight for _, weight in pieces]], device="cpu")
    for skip in [1, 2, 3]:
        Options.CLIP_stop_at_last_layers = skip
        out[f"skip.{skip}"] = clip([STATES[1]])
    Options.CLIP_stop_at_last_layers = 1
    ids = torch.tensor([clip.tokenize_line(STATES[0])[0][0].tokens])
    hidden = model(ids, output_hidden_states=True).hidden_states
    for skip, part in [(1, 0.25), (2, 0.5)]:
        out[f"skip.{skip + part}"] = model.text_model.final_layer_norm((1 - part) * hidden[-skip] + part * hidden[-(skip + 1)])
    # The vectors of an embedding in the places that its name has.
    vectors = values("concept", (3, 16))
    def put(module, inputs, output):
        output = output.clone()
        output[0, 3:6] = vectors
        return output
    ids = [49406] + tokenizer("a photo", add_special_tokens=False).input_ids + [49407] * 3 + tokenizer(", red", add_special_tokens=False).input_ids
    ids = torch.tensor([ids + [49407] * (77 - len(ids))])
    table = dict(model.named_modules())
    name = next(name for name in table if name.endswith("token_embedding"))
    hook = table[name].register_forward_hook(put)
    out["concept"] = model(ids).last_hidden_state
    hook.remove()
    (FIXTURE / "config.json").write_text(json.dumps(model.config.to_dict(), sort_keys=True, indent=1) + "\n")
    save_file({key: value.contiguous() for key, value in out.items()}, FIXTURE / "expected.safetensors")
    # What somebody would have trained: one tensor for SD 1 and 2, two for SDXL.
    save_file({"emb_params": vectors}, FIXTURE / "style.safetensors")
    save_file({"clip_l": vectors, "clip_g": values("concept_g", (3, 20))}, FIXTURE / "style-xl.safetensors")


def main():
    parser, hijack = webui(sys.argv[1])
    comfy = comfyui(sys.argv[2])
    tokenizer = CLIPTokenizer(f"{sys.argv[3]}/vocab.json", f"{sys.argv[3]}/merges.txt", model_max_length=77)
    FIXTURE.mkdir(parents=True, exist_ok=True)
    weighed = [(text, usable(parser.parse_prompt_attention, text)) for text in ATTENTION + documented(parser, "parse_prompt_attention") + [attention() for _ in range(260)]]
    schedule = lambda text, steps: parser.get_learned_conditioning_prompt_schedules([text], steps)[0]
    changing = [(text, steps) for text in SCHEDULES for steps in (10, 1)] + [(edits(), pick.choice([1, 2, 7, 10, 20])) for _ in range(220)]
    composed = []
    for text in COMPOSED:
        indexes, texts, _ = parser.get_multicond_prompt_list([text])
        composed.append([text, [[texts[index], weight] for index, weight in indexes[0]]])
    wrapped = types.SimpleNamespace(tokenizer=tokenizer, transformer=None)
    clip = hijack.FrozenCLIPEmbedderWithCustomWords(wrapped, types.SimpleNamespace(embedding_db=NoConcepts(), extra_generation_params={}))
    chunks = [[text, [[chunk.tokens, chunk.multipliers] for chunk in clip.tokenize_line(text)[0]]] for text in LONG]
    comfied = [[text, [[comfy.unescape_important(part), weight] for part, weight in comfy.token_weights(comfy.escape_important(text), 1.0)]] for text in COMFY]
    cases = {
        "attention": [[text, pieces] for text, pieces in weighed if pieces and all(weight == -1 or "BREAK" not in part for part, weight in pieces)],
        "schedules": [[text, steps, schedule(text, steps)] for text, steps in changing],
        "composed": composed,
        "comfy": comfied,
        "compel": [[text, compel_fragments(text)] for text in COMPEL],
        "chunks": chunks,
        "states": STATES,
    }
    (FIXTURE / "cases.json").write_text("{\n" + ",\n".join(f"{json.dumps(key)}: [\n" + ",\n".join(map(json.dumps, rows)) + "\n]" for key, rows in cases.items()) + "\n}\n")
    states(hijack, parser, comfy, tokenizer)
    print({key: len(rows) for key, rows in cases.items()})


if __name__ == "__main__":
    main()
