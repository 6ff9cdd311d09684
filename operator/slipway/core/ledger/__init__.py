"""The evidence ledger: each decision of a rollout with its inputs, in immutable ConfigMaps chained by digest."""
