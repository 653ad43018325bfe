"""What the operators share: how arguments are stored and read, how a task is stopped, and which errors are final.

A constructor stores what it is given as it is, since Airflow renders templates afterwards, and checks what has none.
What templates render is text, which `_arguments` reads by the type of the option's field.
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_cqlai.airflow_compat import AirflowFailException, AirflowNotFoundException, BaseOperator
from airflow_provider_cqlai.engine.cancellation import Cancellation
from airflow_provider_cqlai.engine.errors import CqlaiError, OptionError
from airflow_provider_cqlai.operators._arguments import check_literals, has_template, is_given, read_values
from airflow_provider_cqlai.run_window import WindowRequest, check_request, read_run_facts, resolve_window

if TYPE_CHECKING:
    from airflow_provider_cqlai.airflow_compat import Context
    from airflow_provider_cqlai.engine.options.window import TimeWindow

logger = logging.getLogger(__name__)

# What an argument takes as it is, of all that a native template gives.
_NATIVE_TYPES = (str, list, tuple, dict, datetime.date, datetime.timedelta)
WINDOW_ARGUMENTS = tuple(field.name for field in dataclasses.fields(WindowRequest))


class CqlaiOperator(BaseOperator):
    """Base of the operators. Every argument may be a template; ``template_fields`` of a task are those that were given.

    A default holds no template and is the same in every task, so neither Airflow's renderer nor its page of rendered
    templates has to see it. The order is that of the signature: table and path, the window, the rest in groups.

    A subclass declares the arguments that it reads itself; the others are options of the engine. Signatures stay
    explicit, for editors and for Airflow's ``default_args``: their annotations are those of the fields and ``str``,
    since every argument may be a template. ``python -m dev.operator_docs`` writes what the fields say into docstrings.
    """

    cassandra_conn_id: str
    """The Airflow connection to Cassandra, of type ``cqlai`` or ``cassandra``. Its keyspace is that of tables that are
    written without one."""

    storage_conn_id: str | None
    """The Airflow connection to the store of a path that is a URI and does not name one itself, as
    ``s3://conn_id@bucket/key`` and an ``ObjectStoragePath`` do. Without either, credentials come from the
    environment."""

    base_path: str | None
    """The directory or URI that a relative path begins at; None is ``[cqlai] base_path`` of Airflow's configuration.
    Without either a relative path is an error: it would be in whatever directory the worker was started."""

    arguments: ClassVar[Mapping[str, Any]] = {}
    """The arguments and their defaults, in the order of the signature."""

    renamed_arguments: ClassVar[Mapping[str, str]] = {}
    """Attributes of arguments whose own name is taken."""

    options_type: ClassVar[type | None] = None
    """The engine's options that the arguments are read as."""

    _file_fields: ClassVar[frozenset[str]] = frozenset({"queries", "script", "where"})
    """Those that may name a file of CQL by its extension. A table ``app.cql`` or a parameter ends in it as well, and
    Airflow would look for a file of that name."""

    _is_killed = False
    # Made when the task runs: before that Airflow copies the operator, and a lock cannot be copied.
    _cancellation: Cancellation | None = None

    def on_kill(self) -> None:
        """Ask the engine to stop: before its commit point it publishes nothing, after it the publish finishes. Rows
        that an import has sent stay, and so does what earlier statements of a script did."""
        self._is_killed = True
        if self._cancellation is not None:
            self._cancellation.cancel()

    def resolve_template_files(self) -> None:
        """Read the files that `_file_fields` name."""
        fields = self.template_fields
        self.template_fields = tuple(name for name in fields if name in self._file_fields)
        try:
            super().resolve_template_files()
        finally:
            self.template_fields = fields

    def _do_render_template_fields(
        self, parent: Any, template_fields: Iterable[str], *args: Any, **kwargs: Any
    ) -> None:
        names = list(template_fields)
        extensions = self.template_ext
        files = [name for name in names if name in self._file_fields]
        super()._do_render_template_fields(parent, files, *args, **kwargs)
        self.template_ext = ()
        try:
            others = [name for name in names if name not in self._file_fields]
            super()._do_render_template_fields(parent, others, *args, **kwargs)
        finally:
            self.template_ext = extensions

    def render_template(self, content: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        """As Airflow does, but for a text that ``render_template_as_native_obj`` makes something else of than a
        collection: ``"1.10"`` would be 1.1 by then, and where no value came out, the argument would count as not given.
        """
        value = super().render_template(content, context, *args, **kwargs)
        if not isinstance(content, str) or isinstance(value, _NATIVE_TYPES):
            return value
        if value is None:
            raise AirflowFailException(
                f"render_template_as_native_obj=True made None of {content!r}, which would count as an argument that"
                " was not given; give the template a default, or leave the argument out"
            )
        return _render_as_text(content, context, self.get_dag())

    def _store(self, given: Mapping[str, Any]) -> None:
        """Store every argument, out of the ``locals()`` of the constructor, as the attribute of its name, and check
        those without a template."""
        fields = []
        for name, default in self.arguments.items():
            attribute = self.renamed_arguments.get(name, name)
            setattr(self, attribute, given[name])
            if is_given(given[name], default):
                fields.append(attribute)
        self.template_fields = tuple(fields)
        self._check_literals({name: given[name] for name in self.arguments})

    def _check_literals(self, given: Mapping[str, Any]) -> None:
        """Raise for what is wrong with the arguments whatever a run is."""
        if self.options_type is None:
            return
        window = {name: given[name] for name in WINDOW_ARGUMENTS}
        request = {name: value for name, value in window.items() if not has_template(value)}
        if "align" in request:
            read_flag("align", request["align"])
        check_request(WindowRequest(**request), is_complete=len(request) == len(window))
        names = [field.name for field in dataclasses.fields(self.options_type) if field.name in given]
        has_window = self._tells_window() or has_template(given.get("use_run_window")) or self._is_window_asked_for()
        check_literals(self.options_type, {name: given[name] for name in names}, has_window=has_window)

    def _is_window_asked_for(self) -> bool:
        """Whether the run must have a window. Each operator with `options_type` says by which arguments."""
        raise NotImplementedError

    def _tells_window(self) -> bool:
        """Whether an argument tells of a window itself."""
        return any(getattr(self, name) is not None for name in ("start", "end", "period", "since"))

    def _begin_cancellation(self) -> Cancellation:
        """What the engine looks at, made as `execute` begins; cancelled already where `on_kill` came first."""
        cancellation = self._cancellation = Cancellation()
        if self._is_killed:
            cancellation.cancel()
        return cancellation

    def _read_options(self, options_type: type) -> dict[str, Any]:
        """The arguments that are fields of ``options_type``, as values for them."""
        names = [field.name for field in dataclasses.fields(options_type) if field.name in self.arguments]
        return read_values(
            options_type, {name: getattr(self, self.renamed_arguments.get(name, name)) for name in names}
        )

    def _asks_for_window(self, use_run_window: bool) -> bool:
        """Whether there is to be a window: by ``use_run_window``, or since another argument tells of one."""
        return read_flag("use_run_window", use_run_window) or self._tells_window()

    def _resolve_window(self, context: Context, *, is_needed: bool) -> TimeWindow | None:
        written = {name: getattr(self, name) for name in WINDOW_ARGUMENTS}
        return resolve_written_window(context, written, is_needed=is_needed)


def _render_as_text(content: str, context: Mapping[str, Any], dag: Any) -> str:
    environment = dag.get_template_env(force_sandboxed=True)
    template = environment.from_string(content)
    # Not copied: Airflow makes some values of a context only when they are asked for. Only read, though a ChainMap is
    # declared for mappings that can be written to.
    values = ChainMap(context, template.globals)  # type: ignore[arg-type]
    return "".join(
        template.root_render_func(environment.context_class(environment, values, template.name, template.blocks))
    )


def resolve_written_window(
    context: Mapping[str, Any], written: Mapping[str, Any], *, is_needed: bool
) -> TimeWindow | None:
    """The window of the run in ``context`` by the arguments of `WindowRequest` that a DAG or a statement has."""
    request = WindowRequest(**{**written, "align": read_flag("align", written.get("align", True))})
    return resolve_window(read_run_facts(context), request, is_needed=is_needed)


def read_flag(option: str, value: Any) -> bool:
    """``value`` of an argument that is not an option of the engine: True, False, or their text.

    Raises:
        OptionError: anything else.
    """
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise OptionError(f"{option}={value!r}: expected True or False", option=option)
    return text == "true"


@contextmanager
def failing_without_retries() -> Iterator[None]:
    """Fail the task for good where trying again cannot help, with a log that has the failure's text once.

    A terminal error becomes `AirflowFailException`, which fails the task without retries; a retryable one goes through
    as it is, so that the task's ``retries`` apply. Either has the traceback to where it was raised. Its causes, whose
    words an error of ours quotes, are logged at DEBUG.
    """
    try:
        yield
    except CqlaiError as error:
        logger.debug("the error with its causes:", exc_info=True)
        if error.is_retryable:
            raise error from None
        raise AirflowFailException(f"{type(error).__name__}: {error}").with_traceback(error.__traceback__) from None
    except AirflowNotFoundException as error:
        # A Connection that does not exist is a mistyped id.
        raise AirflowFailException(str(error)).with_traceback(error.__traceback__) from None
