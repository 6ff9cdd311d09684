"""Arguments that several commands take alike."""

from __future__ import annotations

import argparse


def add_place(parser: argparse.ArgumentParser) -> None:
    """Where the objects are that a command speaks of: `namespace` and `context`."""
    parser.add_argument("-n", "--namespace", metavar="NAMESPACE", help="default: that of the kubeconfig's context")
    parser.add_argument("--context", metavar="CONTEXT", help="context of the kubeconfig; default: the current one")


def add_output(parser: argparse.ArgumentParser) -> None:
    """How a command writes: `output`."""
    parser.add_argument("--output", choices=("text", "json"), default="text", help="text for people (default), or json")
