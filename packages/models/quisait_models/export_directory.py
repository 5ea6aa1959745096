"""Converts a model's directory for `OnnxEncoder`: read `export_directory` first.

If the directory has an ONNX file, that file is used; else torch traces the transformer (the extra
`torch`). The encoder applies pooling, dense layers and the limit of length
(`indexer.encoding.sentence_head`).
"""

import hashlib
import json
import logging
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from tokenizers import Tokenizer, normalizers

from indexer.encoding.model_files import ModelUnusable
from indexer.encoding.onnx_encoder import (
    INPUTS,
    ONNX_FILE,
    TOKENIZER_FILE,
    ModelCard,
    OnnxEncoder,
    TorchMissing,
    encodable,
    file_hash,
    open_session,
    write_card,
)
from indexer.values import Vectors
from quisait_models.description import ModelDescription, describe, positions, read_json
from quisait_models.export_model import written_whole

FLOAT_FILE = "onnx/model.onnx"
FLOAT_GRAPH, INT8_GRAPH = "onnx", "onnx-int8"
"""Forms of these graphs, as in the encoder's name."""

LEAST_COSINE = 0.9999
"""Least cosine between vectors of a traced graph and of the model: below, the graph is refused."""

SAMPLES = (
    "Bail commercial",
    "Qui tient le cadastre de la commune ?",
    "La déclaration de revenus se fait en ligne au printemps ; un délai est accordé sur demande.",
    "Le conseil municipal délibère sur le budget primitif avant le 15 avril. " * 4,
    "La régie d'avances est contrôlée chaque année par le comptable, qui vérifie la caisse. " * 30,
)
"""Texts of various lengths, on which the vectors are compared."""

_TRACED_TOKENS, _OPSET = 64, 18
_TOKEN_OUTPUTS = ("token_embeddings", "last_hidden_state")
_TEXT_OUTPUT = "sentence_embedding"


@dataclass(frozen=True, slots=True)
class ExportReport:
    """Result of an export. Cosines are the minimum and the mean over `SAMPLES`.

    `traced` compares the float graph with the model in torch; it is None if the directory had a
    graph. `quantised` compares the 8-bit graph with the float graph; it is None without
    quantisation.
    """

    card: ModelCard
    traced: tuple[float, float] | None
    quantised: tuple[float, float] | None


Step = Callable[[int, int], None]
STEPS = 4


def export_directory(
    source: Path,
    directory: Path,
    *,
    int8: bool = True,
    prompts: Mapping[str, str] | None = None,
    progress: Step = lambda _done, _steps: None,
) -> ExportReport:
    """Write the model in `source` to `directory`, completely or not at all.

    `prompts` (`query`, `passage`) replace those of the files. Raises `ModelUnusable` if something
    is missing or not supported, and `TorchMissing` if only torch can make a graph.
    """
    described = describe(source)
    described = replace(described, prompts={**described.prompts, **(prompts or {})})
    with written_whole(directory) as unfinished:
        (unfinished / "onnx").mkdir()
        _write_tokenizer(described, unfinished)
        progress(1, STEPS)
        if described.graph:
            _copy_graph(described.graph, unfinished / FLOAT_FILE)
        else:
            _trace(described, unfinished / FLOAT_FILE)
        progress(2, STEPS)
        for number, layer in enumerate(described.dense):
            shutil.copyfile(layer.file, unfinished / _dense_name(number))
        card = _carded(described, unfinished, FLOAT_FILE, FLOAT_GRAPH)
        exact = OnnxEncoder(unfinished).passages(SAMPLES)
        traced = quantised = None
        if not described.graph:
            traced = _compared(exact, _reference(source, card))
            if traced[0] < LEAST_COSINE:
                raise ModelUnusable(
                    f"Le graphe tracé ne rend pas les vecteurs du modèle (cosinus {traced[0]:.4f})"
                    " : donnez un dossier qui a déjà son fichier onnx/model.onnx."
                )
        progress(3, STEPS)
        if int8:
            quantise_dynamic(unfinished / FLOAT_FILE, unfinished / ONNX_FILE)
            for file in (unfinished / "onnx").iterdir():
                if file.name != Path(ONNX_FILE).name:
                    file.unlink()
            card = _carded(described, unfinished, ONNX_FILE, INT8_GRAPH)
            quantised = _compared(OnnxEncoder(unfinished).passages(SAMPLES), exact)
        progress(STEPS, STEPS)
    return ExportReport(card, traced, quantised)


def _dense_name(number: int) -> str:
    return f"dense_{number}.safetensors"


def _write_tokenizer(described: ModelDescription, target: Path) -> None:
    file = described.transformer / TOKENIZER_FILE
    if not file.is_file():
        raise ModelUnusable(
            f"{file} manque : sans torch ni réseau, il ne se refait pas ; « save_pretrained » de "
            "transformers l'écrit."
        )
    tokenizer: Tokenizer = Tokenizer.from_file(str(file))
    if described.lowercase:
        kept = [tokenizer.normalizer] if tokenizer.normalizer else []
        tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), *kept])
    tokenizer.save(str(target / TOKENIZER_FILE))


def _copy_graph(graph: Path, target: Path) -> None:
    """Copy the graph, and the files of its weights if they are separate, into one folder."""
    shutil.copyfile(graph, target)
    model = onnx.load(str(graph), load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location" and not (target.parent / entry.value).exists():
                part = graph.parent / entry.value
                if Path(entry.value).name != entry.value or not part.is_file():
                    raise ModelUnusable(f"{part} manque : le graphe {graph.name} y a ses poids.")
                shutil.copyfile(part, target.parent / entry.value)


@contextmanager
def quiet_torch() -> Iterator[None]:
    """Hide the warnings of tracing and the progress bars of loading."""
    from transformers.utils import logging as transformers_logging

    told: Any = transformers_logging
    told.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def trace(model: Any, target: Path, output: str, tokens: int = _TRACED_TOKENS) -> None:
    """Write the graph of a torch module that takes ids and a mask, both (texts, tokens)."""
    import torch

    ids = torch.full((1, tokens), 3, dtype=torch.long)
    asked = ["input_ids", "attention_mask"]
    axes = {name: {0: "texts", 1: "tokens"} for name in asked}
    axes[output] = {0: "texts"} if output == "logits" else {0: "texts", 1: "tokens"}
    with torch.no_grad():
        torch.onnx.export(
            model.eval(),
            (ids, torch.ones_like(ids)),
            str(target),
            input_names=asked,
            output_names=[output],
            dynamic_axes=axes,
            opset_version=_OPSET,
            dynamo=False,
        )


def _trace(described: ModelDescription, target: Path) -> None:
    try:
        import torch
        from transformers import AutoModel
    except ImportError as missing:
        raise TorchMissing("This model has no ONNX file; torch makes one.") from missing

    class States(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any, mask: Any) -> Any:
            return self.model(input_ids=ids, attention_mask=mask).last_hidden_state

    config = read_json(described.transformer / "config.json")
    with quiet_torch():
        model = loaded(AutoModel, described.transformer)
        # Longer than the window of local attention: a shorter trace would not contain it.
        wanted = max(_TRACED_TOKENS, 2 * int(config.get("local_attention") or 0))
        most = positions(config) or wanted
        trace(States(model), target, _TOKEN_OUTPUTS[0], min(wanted, most, described.max_tokens))


def loaded(kind: Any, directory: Path, **more: Any) -> Any:
    """Return a float32 model loaded from its directory alone. Raises `ModelUnusable`."""
    import torch

    try:
        return kind.from_pretrained(
            str(directory),
            local_files_only=True,
            trust_remote_code=False,
            dtype=torch.float32,
            **more,
        )
    except (ValueError, OSError, KeyError, ImportError) as error:
        raise ModelUnusable(
            f"transformers ne charge pas {directory} ({type(error).__name__}) : un modèle qui "
            "apporte son propre code n'est pas chargé ; donnez un dossier qui a onnx/model.onnx."
        ) from error


def _reference(source: Path, card: ModelCard) -> Vectors:
    """Return the vectors of the samples by sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    with quiet_torch():
        model = SentenceTransformer(str(source), device="cpu", local_files_only=True)
        model.max_seq_length = card.max_tokens
        texts = [encodable(text) for text in SAMPLES]
        found = model.encode(
            texts,
            prompt=card.prompts["passage"],
            normalize_embeddings=True,
            show_progress_bar=False,
        )
    return np.asarray(found, np.float32)


def _compared(one: Vectors, other: Vectors) -> tuple[float, float]:
    cosines = (one * other).sum(axis=1)
    return float(cosines.min()), float(cosines.mean())


def quantise_dynamic(source: Path, target: Path) -> None:
    """Write the graph with 8-bit weights per channel, of which 7 bits are used (decision 21)."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.disable(logging.WARNING)  # it recommends a preparation that changes nothing here
    try:
        quantize_dynamic(
            source, target, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True
        )
    finally:
        logging.disable(logging.NOTSET)


def _carded(described: ModelDescription, directory: Path, file: str, graph: str) -> ModelCard:
    """Write and return the card of the model in `directory`. Raises `ModelUnusable`."""
    session = opened(directory / file)
    output, makes_text = _output(session)
    dense = tuple(
        (_dense_name(number), layer.activation) for number, layer in enumerate(described.dense)
    )
    weights = [f"onnx/{one.name}" for one in sorted((directory / "onnx").iterdir())]
    read = [*weights, TOKENIZER_FILE, *(name for name, _ in dense)]
    card = ModelCard(
        model=described.name,
        dimension=0,
        max_tokens=described.max_tokens,
        prompts=dict(described.prompts),
        weights_sha256="",
        graph=graph,
        files={name: file_hash(directory / name) for name in read},
        onnx_file=file,
        output=output,
        pooling=() if makes_text else described.pooling,
        dense=() if makes_text else dense,
    )
    made_by = json.dumps(asdict(card), sort_keys=True).encode()
    card = replace(card, weights_sha256=hashlib.sha256(made_by).hexdigest())
    write_card(directory, card)
    dimension = OnnxEncoder(directory).measured_dimension()
    card = replace(card, dimension=dimension)
    write_card(directory, card)
    return card


def opened(path: Path) -> onnxruntime.InferenceSession:
    """Open a graph. Raises `ModelUnusable` if an input of the graph does not come from the text."""
    try:
        session = open_session(path)
    except Exception as error:
        raise ModelUnusable(
            f"Le graphe ONNX ne s'ouvre pas ({type(error).__name__}) : est-il entier ?"
        ) from error
    asked = {one.name for one in session.get_inputs()}
    if unknown := sorted(asked - INPUTS.keys()):
        raise ModelUnusable(
            f"Le graphe demande {', '.join(unknown)}, qu'un texte seul ne donne pas : exportez-le "
            "pour « feature-extraction », sans cache."
        )
    return session


def _output(session: onnxruntime.InferenceSession) -> tuple[str, bool]:
    """Return the output to read, and whether it is the text's vector."""
    ranks = {one.name: len(one.shape or ()) for one in session.get_outputs()}
    if ranks.get(_TEXT_OUTPUT) == 2:
        return _TEXT_OUTPUT, True
    names = [*_TOKEN_OUTPUTS, *ranks]
    found = next((name for name in names if ranks.get(name) == 3), None)
    if found is None:
        raise ModelUnusable(
            f"Le graphe ne rend ni vecteurs de mots ni vecteur de texte ({', '.join(ranks)})."
        )
    return found, False


def texts_of(report: ExportReport) -> Sequence[str]:
    """Return the report as French sentences for a terminal."""
    card = report.card
    how = "+".join(card.pooling) or "déjà dans le graphe"
    said = [
        f"{card.model} : {card.dimension} dimensions, {card.max_tokens} jetons au plus, "
        f"réduction : {how}, {len(card.dense)} couches denses.",
        f"Devant une question : « {card.prompts['query']} » ; devant un passage : "
        f"« {card.prompts['passage']} ».",
    ]
    for named, cosines in (
        ("du graphe aux vecteurs de sentence-transformers", report.traced),
        ("des huit bits au graphe en nombres réels", report.quantised),
    ):
        if cosines:
            said.append(
                f"Cosinus {named} : {cosines[0]:.4f} au moins, {cosines[1]:.4f} en moyenne."
            )
    return said
