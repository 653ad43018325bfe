"""The package on the command line: ``python -m airflow_provider_cqlai COMMAND``."""
