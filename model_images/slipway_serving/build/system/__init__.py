"""Packages of the base image's distribution, and a Dockerfile template: the image that a model's layers then stand on.

Three processes, one after the other, in containers of their own: `fetch` has the registries' credentials and copies the
base into a folder; `install` has none, runs Buildah and whatever a package or a template asks for, and leaves an image
in a second folder; the build of the model has the credentials again, takes the new layers from there as data, and runs
nothing of them.
"""
