"""What hooks of Airflow have for small results: records, data frames, statements, and whether something is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from airflow_provider_cqlai.airflow_compat import BaseHook
from airflow_provider_cqlai.engine.errors import OptionError


class HookQueries(BaseHook):
    """The methods of `CqlaiHook` that bring results into the worker's memory; tables are for the operators.

    Markers are the server's, ``:name``. Parameters are read by the marker's type, texts as templates render them too:
    what does not fit exactly is an error, and so is a value without its marker.
    """

    def get_records(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        """All rows of a SELECT as named tuples, with the driver's values.

        :param sql: one statement.
        :param parameters: values of its markers ``:name``.
        """
        records: list[Any] = self._one(sql, parameters, list)
        return records

    def get_first(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The first row of a SELECT as a named tuple; None where there is none.

        :param sql: one statement.
        :param parameters: values of its markers ``:name``.
        """
        return self._one(sql, parameters, lambda result: result.one())

    def get_df(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        df_type: Literal["pandas", "polars"] = "pandas",
        **options: Any,
    ) -> Any:
        """All rows of a SELECT as a data frame, with the types of an export (docs/types.md).

        pandas gets Arrow's types (`pandas.ArrowDtype`), so that whole numbers with nulls, decimals and moments beyond
        nanoseconds stay what they are.

        :param sql: one SELECT.
        :param parameters: values of its markers ``:name``.
        :param df_type: the library; it must be installed.
        :param options: a capture's options about types and reading: ``types``, ``consistency_level``, ``page_size``,
            ``allow_masked`` and so on.
        """
        from airflow_provider_cqlai.engine.verbs.queries import read_arrow_table

        if df_type not in ("pandas", "polars"):
            raise OptionError(f"df_type={df_type!r}: expected 'pandas' or 'polars'", option="df_type")
        try:
            if df_type == "polars":
                import polars

                return polars.from_arrow(read_arrow_table(self.get_conn(), sql, parameters, **options))
            import pandas
        except ModuleNotFoundError as error:
            raise OptionError(f"df_type={df_type!r}: {error.name} is not installed", option="df_type") from error
        table = read_arrow_table(self.get_conn(), sql, parameters, **options)
        return table.to_pandas(types_mapper=pandas.ArrowDtype)

    def run(
        self,
        sql: str | Sequence[str],
        parameters: Mapping[str, Any] | None = None,
        handler: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Run statements one after the other, each of them once.

        :param sql: a list, or one text with semicolons between the statements.
        :param parameters: values of the markers ``:name`` of each statement.
        :param handler: takes the driver's result of each statement, as ``fetch_all_handler`` of other hooks does.
        :return: What ``handler`` made: of one text with one statement alone, else a list. None without it.
        """
        from airflow_provider_cqlai.engine.verbs.queries import run_statements

        made = run_statements(self.get_conn(), sql, parameters, handler)
        if handler is None:
            return None
        return made[0] if isinstance(sql, str) and len(made) == 1 else made

    def table_exists(self, table: str) -> bool:
        """Whether there is the table or view ``table``. Where no server answers, that is an error.

        :param table: ``keyspace.table``, or a table of the connection's keyspace.
        """
        from airflow_provider_cqlai.engine.verbs.queries import table_exists

        return table_exists(self.get_conn(), table)

    def record_exists(self, table: str, keys: Mapping[str, Any]) -> bool:
        """Whether a table has a row with these values. Where no server answers, that is an error.

        :param table: ``keyspace.table``, or a table of the connection's keyspace.
        :param keys: values by column, beginning with the partition key's.
        """
        from airflow_provider_cqlai.engine.verbs.queries import record_exists

        return record_exists(self.get_conn(), table, keys)

    def list_tables(self, keyspace: str | None = None) -> list[str]:
        """The names of a keyspace's tables, in their order.

        :param keyspace: as the server spells it; None is the connection's.
        """
        from airflow_provider_cqlai.engine.verbs.queries import list_tables

        return list_tables(self.get_conn(), keyspace)

    def _one(self, sql: str, parameters: Mapping[str, Any] | None, handler: Callable[[Any], Any]) -> Any:
        from airflow_provider_cqlai.engine.verbs.queries import run_statements

        return run_statements(self.get_conn(), sql, parameters, handler, is_one=True)[0]


def is_there(hook: HookQueries, table: str, keys: Mapping[str, Any] | None) -> bool:
    """Whether there is the table, or the row with ``keys`` in it: what sensors and triggers wait for."""
    return hook.table_exists(table) if keys is None else hook.record_exists(table, keys)
