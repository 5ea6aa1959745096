"""Small models of well-known architectures with random weights, as their makers lay them out."""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
VOCABULARY = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS), ",", ".", "?", "'", ":"]
MAX_TOKENS = 96
HIDDEN, FEED_FORWARD, HEADS, LAYERS = 32, 64, 4, 3
_LOUD = 0.3
"""Weights spread so that layers change what comes in: with the usual .02 nearly nothing happens."""


def write_tokenizer(folder: Path, max_tokens: int = MAX_TOKENS) -> None:
    """Letters and the pieces of words, in small letters without accents."""
    from transformers import PreTrainedTokenizerFast

    places = {piece: place for place, piece in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordPiece(places, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", places["[CLS]"]), ("[SEP]", places["[SEP]"])],
    )
    wrapped: Any = PreTrainedTokenizerFast
    wrapped(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=max_tokens,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    ).save_pretrained(str(folder))


def configuration(family: str, **more: Any) -> Any:
    """A small one of `bert`, `xlm-roberta` or `modernbert`."""
    from transformers import BertConfig, ModernBertConfig, XLMRobertaConfig

    kind: Any = {
        "bert": BertConfig,
        "xlm-roberta": XLMRobertaConfig,
        "modernbert": ModernBertConfig,
    }[family]
    own: dict[str, Any] = {
        "bert": {"max_position_embeddings": 128},
        "xlm-roberta": {"max_position_embeddings": 130},
        # Windows of 8 tokens around each, on layers between global ones; rotary positions.
        "modernbert": {
            "max_position_embeddings": 256,
            "local_attention": 16,
            "global_attn_every_n_layers": 2,
            "bos_token_id": 2,
            "eos_token_id": 3,
            "cls_token_id": 2,
            "sep_token_id": 3,
        },
    }[family]
    return kind(
        vocab_size=len(VOCABULARY),
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=FEED_FORWARD,
        initializer_range=_LOUD,
        pad_token_id=0,
        **own,
        **more,
    )


def sentence_model(
    folder: Path,
    family: str,
    pooling: str | Sequence[str] = "mean",
    *,
    dense: int = 0,
    normalized: bool = True,
    prompts: Mapping[str, str] | None = None,
    default_prompt: str | None = None,
) -> Path:
    """A directory of sentence-transformers; the same weights at each call."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import AutoModel

    torch.manual_seed(7)
    with tempfile.TemporaryDirectory() as plain:
        made: Any = AutoModel
        made.from_config(configuration(family)).save_pretrained(plain)
        write_tokenizer(Path(plain))
        joined = 1 if isinstance(pooling, str) else len(pooling)
        pooled: Any = pooling if isinstance(pooling, str) else tuple(pooling)
        modules: list[Any] = [Transformer(plain), Pooling(HIDDEN, pooled)]
        if dense:
            tanh = torch.nn.Tanh()
            modules.append(Dense(HIDDEN * joined, dense, activation_function=tanh))
        if normalized:
            modules.append(Normalize())
        SentenceTransformer(
            modules=modules,
            prompts=dict(prompts) if prompts else None,
            default_prompt_name=default_prompt,
            device="cpu",
        ).save(str(folder))
    return folder


def cross_encoder(folder: Path, family: str = "bert", labels: int = 1) -> Path:
    """A directory of sentence-transformers' `CrossEncoder`."""
    import torch
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(7)
    made: Any = AutoModelForSequenceClassification
    made.from_config(configuration(family, num_labels=labels)).save_pretrained(str(folder))
    write_tokenizer(folder)
    return folder


def with_graph(folder: Path, target: Path) -> Path:
    """The same cross-encoder with an ONNX file, and without its weights."""
    import onnx
    import torch
    from quisait_models.export_directory import quiet_torch
    from transformers import AutoModelForSequenceClassification

    class Logits(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any, mask: Any, kinds: Any) -> Any:
            return self.model(input_ids=ids, attention_mask=mask, token_type_ids=kinds).logits

    asked = ["input_ids", "attention_mask", "token_type_ids"]
    (target / "onnx").mkdir(parents=True)
    with quiet_torch(), torch.no_grad():
        kind: Any = AutoModelForSequenceClassification
        model = Logits(kind.from_pretrained(str(folder))).eval()
        ids = torch.full((1, 20), 5, dtype=torch.long)
        torch.onnx.export(
            model,
            (ids, torch.ones_like(ids), torch.zeros_like(ids)),
            str(target / "onnx/model.onnx"),
            input_names=asked,
            output_names=["logits"],
            dynamic_axes={name: {0: "texts", 1: "tokens"} for name in asked},
            opset_version=18,
            dynamo=False,
        )
    onnx.checker.check_model(str(target / "onnx/model.onnx"))
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(folder / name, target / name)
    return target


def changed_json(path: Path, **changes: Any) -> None:
    """Some fields of a JSON file set otherwise; None takes one away."""
    stated = json.loads(path.read_text("utf-8")) | changes
    path.write_text(json.dumps({k: v for k, v in stated.items() if v is not None}), "utf-8")
