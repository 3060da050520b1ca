"""What operators watch: dashboards for Grafana and alerts for Prometheus, as values, and the files written from them.

No part of the product: `python -m observability` writes `helm/dashboards/*.json` (with Grafana's own SDK, which
`make .venv/.deploy` installs) and `helm/rules/*.yaml`; a test compares them with what is committed.
"""
