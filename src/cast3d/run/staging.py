"""Runs stages: each is computed once, kept if there is a folder, and found again while all that it took is the same.

What a stage took is recorded while it runs: what it was given (results of earlier stages by the hash of their content,
and plain data), and what it read from its kit (settings, pictures, seeds, networks). The record lies beside the result.
When a run goes on, every entry is looked up again and compared; nobody writes down what a stage depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import partial
from typing import Any, Generic, Protocol, Self, TypeVar

import torch
from PIL import Image
from torch import Tensor

from ..errors import Paused
from ..version import __version__
from .plain_data import canonical, digest
from .store import Keeper

Progress = Callable[[str, int, int], None]
OnStep = Callable[[int, int], None]
Note = Callable[[str, Any], None]  # of a key and the plain value that was read under it
Previews = Callable[[str, tuple[Any, ...], Any], Mapping[str, Image.Image]]  # of a stage's name, input, output


@dataclass(frozen=True)
class Stage:
    """A step of the method: what it is called, where it stands in Fig. 3, and the function that does it.

    `function(kit, *given)` returns a frozen dataclass of tensors and plain data. With `per_term` it is
    `function(kits, terms, *columns)` and returns one result per term, as parts can be made side by side. With `nested`
    it is `function(kit, run, *given)` and runs further stages by itself.
    """

    name: str
    index: int
    result: type
    function: Callable[..., Any]
    title: str = ""
    caption: str = ""
    half: str = ""
    per_term: bool = False
    nested: bool = False


class Kit(Protocol):
    """What stages may touch; see `stages.kit`."""

    @property
    def device(self) -> torch.device: ...

    @property
    def at_once(self) -> bool:
        """Whether several terms are better made together than one after the other."""
        ...

    def recording(self, own: Note, shared: Note, on_step: OnStep, retry: OnStep) -> Self:
        """A copy that tells what is read from it; `shared` hears what all terms of a group have in common."""
        ...

    def now(self, key: str) -> Any:
        """What reading `key` would give now, as plain data; raises KeyError for what is not there any more."""
        ...


@dataclass(frozen=True)
class Made:
    """A result, the hash of its content, and what it was made of."""

    name: str
    value: Any
    content: str
    made_of: Mapping[str, Any]


K = TypeVar("K", bound=Kit)


@dataclass
class Staging(Generic[K]):
    """Runs the stages of one object: `run(STAGE, given, ...)`."""

    kit: K
    keeper: Keeper | None = None  # None: results are only computed
    progress: Progress | None = None
    previews: Previews | None = None  # pictures of the stages, kept beside them
    slugs: Mapping[str, str] = field(default_factory=dict)  # file names of terms
    swapped: Mapping[str, Callable[..., Any]] = field(default_factory=dict)  # other functions, by name of their stage
    reused: list[str] = field(default_factory=list)  # what was found
    pause: Collection[str] = ()  # points of the method at which the run stops for a person's word
    _last: dict[str, Made] = field(default_factory=dict)  # by name, the latest result
    _known: dict[int, Made] = field(default_factory=dict)  # every result of this run, by identity
    _open: list[dict[str, Any]] = field(default_factory=list)  # records of the nested stages under way

    def __call__(self, stage: Stage, *given: Any) -> Any:
        """The result of a stage: computed, or the one that was made of just the same."""
        job = Job(stage, stage.name, self.function(stage), given)
        return self._found(job) or self._computed([job])[0]

    def each(self, stage: Stage, given: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
        """A stage per term, which do not need each other: one by one, or side by side where the device has the room."""
        names = {term: f"{stage.name}-{self.slugs.get(term, term)}" for term in given}
        jobs = [Job(stage, names[term], self.function(stage), more, term) for term, more in given.items()]
        values = {job.term: self._found(job) for job in jobs}
        todo = [job for job in jobs if values[job.term] is None]
        for group in [todo] if self.kit.at_once and todo else [[job] for job in todo]:
            values |= zip((job.term for job in group), self._computed(group))
        return values

    def function(self, stage: Stage) -> Callable[..., Any]:
        """What does a stage here."""
        return self.swapped.get(stage.name, stage.function)

    def pass_by(self, point: str) -> None:
        """A point at which a person may want to look before it goes on; raises Paused where that was asked for."""
        if point in self.pause:
            raise Paused(point)

    def tell(self, name: str, done: int, total: int) -> None:
        """Calls back, if anyone wants to know."""
        if self.progress:
            self.progress(name, done, total)

    # --- finding ------------------------------------------------------------------------------------------------------

    def _found(self, job: Job) -> Any | None:
        basis = self._basis(job)
        if (last := self._last.get(job.name)) and self._same(basis, last.made_of):
            self._told(last)
            return last.value
        saved = self.keeper.load_stage(job.name, partial(self._same, basis)) if self.keeper else None
        if saved is None:
            return None
        self.reused.append(job.name)
        if not job.stage.nested:
            self.tell(job.name, 1, 1)
        tensors = {key: tensor.to(self.kit.device) for key, tensor in saved.tensors.items()}
        value = unpack(job.stage.result, tensors, saved.meta)
        self._remember(Made(job.name, value, saved.content, saved.made_of))
        return value

    def _same(self, basis: Mapping[str, Any], made_of: Mapping[str, Any]) -> bool:
        """Whether a result was made from `basis`, and all that it read besides would still read the same."""
        if canonical({key: made_of.get(key) for key in basis}) != canonical(basis):
            return False
        try:
            return all(canonical(self.kit.now(key)) == canonical(value) for key, value in made_of["read"].items())
        except (KeyError, TypeError, AttributeError):
            return False

    def _basis(self, job: Job) -> dict[str, Any]:
        return {
            "version": __version__,
            "function": named(job.function),
            "given": [*([job.term] if job.term else []), *map(self._plain, job.given)],
        }

    def _plain(self, given: Any) -> Any:
        """What a stage is given, as plain data: results by the hash of their content."""
        if (
            is_dataclass(given)
            and not isinstance(given, type)
            and not any(f.type in ("Tensor", Tensor) for f in fields(given))
        ):
            return asdict(given)
        if (made := self._known.get(id(given))) is not None:
            return {"stage": made.name, "content": made.content}
        if isinstance(given, Mapping):
            return {str(key): self._plain(value) for key, value in given.items()}
        if isinstance(given, list | tuple):
            return [self._plain(value) for value in given]
        if given is None or isinstance(given, str | int | float | bool):
            return given
        raise TypeError(f"stages are given results of stages and plain data, not {type(given).__name__}")

    # --- computing ----------------------------------------------------------------------------------------------------

    def _computed(self, jobs: Sequence[Job]) -> list[Any]:
        """The results of one job, or of several that are made side by side."""
        (stage, function), hidden = (jobs[0].stage, jobs[0].function), jobs[0].stage.nested
        reads: list[dict[str, Any]] = [{} for _ in jobs]

        def tell(done: int, total: int) -> None:
            for job in jobs:
                self.tell(job.name, done, total)

        def shared(key: str, value: Any) -> None:
            for read in reads:
                read[key] = value

        kits = [
            self.kit.recording(read.__setitem__, shared, _quiet if hidden else tell, partial(self.tell, "retry"))
            for read in reads
        ]
        if not hidden:
            tell(0, 1)
        names = [job.name for job in jobs]
        with self._timed(names, hidden), torch.no_grad():
            if stage.per_term:
                values = function(kits, [job.term for job in jobs], *map(list, zip(*(job.given for job in jobs))))
            elif stage.nested:
                self._open.append(reads[0])
                try:
                    values = [function(kits[0], self, *jobs[0].given)]
                finally:
                    self._open.pop()
            else:
                values = [function(kits[0], *jobs[0].given)]
        for job, value, read in zip(jobs, values, reads):
            self._keep(job, value, read)
        if not hidden:
            tell(1, 1)
        return list(values)

    @contextmanager
    def _timed(self, names: list[str], hidden: bool) -> Iterator[None]:
        """Costs of a nested stage are those of the stages in it."""
        with self.keeper.timed(*names) if self.keeper and not hidden else nullcontext():
            yield

    def _keep(self, job: Job, value: Any, read: Mapping[str, Any]) -> None:
        made_of = {**self._basis(job), "read": dict(sorted(read.items()))}
        if self.keeper is None:
            self._remember(Made(job.name, value, digest(canonical(made_of)), made_of))
            return
        tensors, meta = pack(value)
        with torch.no_grad():
            pictures = self.previews(job.stage.name, job.given, value) if self.previews else {}
        saved = self.keeper.save_stage(job.name, job.stage.index, tensors, meta, made_of, pictures)
        self._remember(Made(job.name, value, saved.content, saved.made_of))

    def _remember(self, made: Made) -> None:
        self._last[made.name] = self._known[id(made.value)] = made
        self._told(made)

    def _told(self, made: Made) -> None:
        """What a stage read, the nested stages around it read, too."""
        for record in self._open:
            record.update(made.made_of["read"])


@dataclass(frozen=True)
class Job:
    """A stage that is asked for: under which name its result is kept, and what it is given."""

    stage: Stage
    name: str
    function: Callable[..., Any]
    given: tuple[Any, ...]
    term: str = ""


def named(function: Callable[..., Any]) -> dict[str, Any]:
    """A function as plain data: its full name, and for a `partial` what is bound to it."""
    if isinstance(function, partial):
        if function.args:
            raise TypeError("what is bound to the function of a stage is bound by keyword")
        return named(function.func) | {"bound": function.keywords}
    return {"name": f"{function.__module__}.{function.__qualname__}"}


def pack(value: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A dataclass of tensors and plain data as (tensors, rest)."""
    items = {f.name: getattr(value, f.name) for f in fields(value)}
    tensors = {name: item.detach().cpu().contiguous() for name, item in items.items() if isinstance(item, Tensor)}
    return tensors, {name: item for name, item in items.items() if name not in tensors}


def unpack(kind: type, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> Any:
    """Inverse of `pack`; lists come back as tuples."""
    return kind(**tensors, **{name: _frozen(item) for name, item in meta.items()})


def _frozen(item: Any) -> Any:
    if isinstance(item, Mapping):
        return {key: _frozen(value) for key, value in item.items()}
    return tuple(map(_frozen, item)) if isinstance(item, list) else item


def _quiet(done: int, total: int) -> None:
    pass
