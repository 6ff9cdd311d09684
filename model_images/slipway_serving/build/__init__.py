"""From an MLflow model version to a served image: `python3 -m slipway_serving.build`.

Why it is made so: docs/decisions/0006-model-images.md. The process holds push credentials, so it never unpickles a
model nor runs its code: it moves files.
"""
