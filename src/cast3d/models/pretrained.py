"""Networks and vocabularies through `transformers`: silently, from safetensors alone, with errors that name the file.

No code comes from a repository. What transformers leaves to its log (weights of another shape or missing) is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ..errors import CheckpointError

DAMAGED = "is damaged or incomplete, delete it and fetch it again"
ADVICE = (
    "Give a folder with config.json and model.safetensors (a backbone's folder may hold it, under the name of the "
    "encoder), or a hub id that this machine can reach"
)
LONGEST = 300  # letters of another library's error: torch lists every weight that is missing


@contextmanager
def quiet() -> Iterator[None]:
    """Inside, transformers prints no tables of weights and no progress bars; afterwards both are as before.

    Downloads, which take minutes, keep the bars of huggingface_hub.
    """
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def load(
    from_pretrained: Callable[..., Any],
    place: str | Path,
    revision: str | None,
    what: str,
    advice: str = ADVICE,
    **options: Any,
) -> Any:
    """Calls `from_pretrained(place)`; the error says that `what` cannot be loaded, why, and what to do."""
    pinned = {"revision": revision} if revision else {}
    try:
        with quiet():
            return from_pretrained(place, trust_remote_code=False, **pinned, **options)
    except Exception as error:  # bare ones come out of a tokenizer's files, and any kind out of a config's values
        if isinstance(error, SafetensorError) and (path := damaged(place, revision)):
            raise CheckpointError(f"{what} cannot be loaded: {path} {DAMAGED}: {error}") from error
        raise CheckpointError(f"{what} cannot be loaded: {reason(error)}. {advice}") from error


def load_network(
    cls: Any, place: str | Path, revision: str | None, what: str, spare: Collection[str] = (), **options: Any
) -> Any:
    """A `cls` with all its weights, but for those in `spare`, which nothing reads."""
    # Shapes that differ are ignored by transformers, so that they are listed here: else they only get into its log.
    options |= dict(use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True)
    net, info = load(cls.from_pretrained, place, revision, what, **options)
    if differing := sorted(info["mismatched_keys"]):
        key, found, expected = differing[0]
        raise CheckpointError(
            f"{what}: tensor {key!r} has shape {list(found)}, its config asks for {list(expected)}; "
            f"config.json and the weights of {place} are not of one network, fetch both again"
        )
    if missing := sorted(set(info["missing_keys"]) - set(spare)):  # transformers would draw them at random
        raise CheckpointError(
            f"{what} lacks {len(missing)} weights of {cls.__name__}, such as {missing[0]}; "
            f"config.json and the weights of {place} are not of one network, fetch both again"
        )
    return net


def load_tokenizer(cls: Any, place: str | Path, revision: str | None, what: str, **options: Any) -> Any:
    """A tokenizer that knows words: where its files are missing, transformers makes one that knows none."""
    tokenizer = load(cls.from_pretrained, place, revision, f"the vocabulary of {what}", **options)
    if len(tokenizer) <= len(set(tokenizer.all_special_ids)):
        raise CheckpointError(
            f"{what}: {place} holds no vocabulary; "
            "put its tokenizer.json, or vocab.json and merges.txt, beside config.json"
        )
    return tokenizer


def reason(error: Exception) -> str:
    """The first line of what an error says, with the second where the first only announces it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    said = " ".join(lines[:2] if lines[0].endswith(":") else lines[:1]).rstrip(".")
    # KeyError says 'gelu_old' and no more: a value in config.json that transformers does not check.
    bare = isinstance(error, (TypeError, LookupError, ArithmeticError, AttributeError)) or not said
    said = said if len(said) <= LONGEST else f"{said[:LONGEST]}..."
    return f"{type(error).__name__}: {said}" if bare else said


def damaged(place: str | Path, revision: str | None) -> Path | None:
    """The weight file that cannot be opened, of a folder or of a repository in the hub's cache."""
    folder = Path(place)
    if not folder.is_dir():
        from huggingface_hub import try_to_load_from_cache

        config = try_to_load_from_cache(str(place), "config.json", revision=revision)
        if not isinstance(config, str):
            return None
        folder = Path(config).parent
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, "pt"):
                pass
        except (SafetensorError, OSError):
            return path.resolve()  # links of the hub's cache are made anew to the same file
    return None
