"""The embedded Airflow stand-in."""
