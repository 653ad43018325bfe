"""The names of Airflow that operators, hook, lineage and examples use, from where the installed Airflow has them.

Airflow moves them from line to line. The ``sdk`` module of the common-compat provider follows, but only from 1.8 on,
and the constraints files of Airflow 3.0, 3.1 and the first 2.11 pin older ones.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import (
        DAG,
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSkipException,
        Asset,
        AssetAlias,
        BaseHook,
        BaseOperator,
        BaseOperatorLink,
        BaseSensorOperator,
        Connection,
        Context,
        ObjectStoragePath,
        Stats,
        TaskGroup,
        TaskInstanceKey,
        Variable,
        XCom,
        conf,
        get_current_context,
        get_hook_lineage_collector,
        task,
    )

__all__ = [
    "DAG",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSkipException",
    "Asset",
    "AssetAlias",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "Connection",
    "Context",
    "ObjectStoragePath",
    "Stats",
    "TaskGroup",
    "TaskInstanceKey",
    "Variable",
    "XCom",
    "conf",
    "get_current_context",
    "get_hook_lineage_collector",
    "task",
]

# Newest first, down to 2.11.
_ADDRESSES: dict[str, tuple[str, ...]] = {
    "DAG": ("airflow.sdk", "airflow.models.dag"),
    "AirflowException": ("airflow.sdk.exceptions", "airflow.exceptions"),
    "AirflowFailException": ("airflow.sdk.exceptions", "airflow.exceptions"),
    "AirflowNotFoundException": ("airflow.sdk.exceptions", "airflow.exceptions"),
    "AirflowSkipException": ("airflow.sdk.exceptions", "airflow.exceptions"),
    "Asset": ("airflow.sdk", "airflow.datasets:Dataset"),
    "AssetAlias": ("airflow.sdk", "airflow.datasets:DatasetAlias"),
    "BaseHook": ("airflow.sdk", "airflow.hooks.base"),
    "BaseOperator": ("airflow.sdk", "airflow.models.baseoperator"),
    "BaseOperatorLink": ("airflow.sdk", "airflow.models.baseoperatorlink"),
    "BaseSensorOperator": ("airflow.sdk", "airflow.sensors.base"),
    "Connection": ("airflow.sdk", "airflow.models.connection"),
    "Context": ("airflow.sdk", "airflow.utils.context"),
    "ObjectStoragePath": ("airflow.sdk", "airflow.io.path"),
    "Stats": ("airflow.sdk.observability.stats", "airflow.observability.stats", "airflow.stats"),
    "TaskGroup": ("airflow.sdk", "airflow.utils.task_group"),
    "TaskInstanceKey": ("airflow.sdk.types", "airflow.models.taskinstancekey"),
    "Variable": ("airflow.sdk", "airflow.models.variable"),
    "XCom": ("airflow.sdk.execution_time.xcom", "airflow.models.xcom"),
    "conf": ("airflow.configuration",),
    "get_current_context": ("airflow.sdk", "airflow.operators.python"),
    # That of 2.11 itself still speaks of datasets.
    "get_hook_lineage_collector": ("airflow.providers.common.compat.lineage.hook", "airflow.sdk.lineage"),
    "task": ("airflow.sdk", "airflow.decorators"),
}


def __getattr__(name: str) -> Any:
    for address in _ADDRESSES.get(name, ()):
        module, _, old_name = address.partition(":")
        try:
            value = getattr(importlib.import_module(module), old_name or name)
        except AttributeError:
            continue
        except ModuleNotFoundError as error:
            # Only this module or a package above it: what it imports in turn is a fault of the installation.
            if not f"{module}.".startswith(f"{error.name}."):
                raise
            continue
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
