"""`slipway abort` and its like: each creates a RolloutRequest, waits for its answer, and says what becomes of it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.cli import asking
from slipway.cli.rollouts import Api, Forbidden, NotFound, Unreachable

APPLIED, REFUSED, WRONG_CALL, FORBIDDEN, NO_ANSWER = 0, 1, 2, 3, 4
_EPILOG = """
exit codes: 0 applied (with --no-wait: created); 1 refused, or there is no such ModelRollout; 2 the call is wrong or the
API server does not answer; 3 you may not; 4 no answer within --timeout
"""
_EVERY = 0.5


@dataclass(frozen=True)
class Command:
    """One command, and the action that it asks for."""

    action: str
    help: str
    description: str


COMMANDS: Mapping[str, Command] = {
    "promote": Command(
        "Promote",
        "pass all stages and serve all traffic",
        "Brings the candidate to all traffic: stages that it has not passed are passed over, and history keeps that. "
        "A stage of type Approval is still waited for. Refused once a gate has breached, and for a model without a "
        "passed evaluation or a waiver.",
    ),
    "advance": Command(
        "Advance",
        "go on to the next stage",
        "Leaves the running stage before it has passed, for the next one. Refused once a gate has breached; gates "
        "stay enforced in the next stage. The last stage is passed by `promote`, one of type Approval by `approve`.",
    ),
    "abort": Command(
        "Abort",
        "end the running rollout: stable serves all",
        "Takes all traffic from the candidate. Its evidence is kept in history, and its model is not tried again until "
        "`retry`, or until the spec asks for it in another way. Waits until the gateway carries it.",
    ),
    "hold": Command("Hold", "advance no further", "Nothing begins or advances until `resume`. A breach still acts."),
    "resume": Command("Resume", "go on after hold", "Ends a `hold`. spec.paused is another matter: it lives in Git."),
    "retry": Command(
        "Retry",
        "try a rejected version again",
        "Lets a version that failed, was rolled back or aborted be tried again.",
    ),
    "approve": Command(
        "Approve",
        "sign off a stage of type Approval",
        "Signs off the running stage of type Approval, in the name of the groups of yours that the stage asks for.",
    ),
    "rollback": Command(
        "Rollback",
        "go back to the version that served before",
        "The kept previous version serves again at once; the one that serves now is rejected. Waits until the gateway "
        "carries it. While a candidate is on its way there is nothing to go back from: see `abort`.",
    ),
}


def add_to(commands: Any) -> None:
    """Adds the commands to the parser."""
    for name, command in COMMANDS.items():
        parser = commands.add_parser(name, help=command.help, description=command.description, epilog=_EPILOG)
        parser.add_argument("name", metavar="NAME", help="the ModelRollout")
        parser.add_argument("--reason", required=True, help="why, for history and for the next on call")
        parser.add_argument("-n", "--namespace", help="its namespace; without it that of the kubeconfig's context")
        if command.action not in ("Resume", "Hold"):
            parser.add_argument(
                "--revision", help="the revision that you looked at, or its first digits; without it the one of now"
            )
        if command.action == "Rollback":
            parser.add_argument(
                "--to-revision", metavar="REVISION", help="a kept revision; without it the previous one"
            )
        if command.action == "Approve":
            parser.add_argument(
                "--group",
                action="append",
                metavar="GROUP",
                help="in whose name, again for each; without it all that fit",
            )
        parser.add_argument("--wait", action=argparse.BooleanOptionalAction, default=True, help="wait for the answer")
        parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="how long (default 60)")
        parser.add_argument("--kubeconfig", metavar="FILE", help="without it $KUBECONFIG or ~/.kube/config")
        parser.add_argument("--context", metavar="NAME", help="without it the kubeconfig's current one")
        parser.set_defaults(run=run, command=name)


def run(arguments: argparse.Namespace) -> int:
    """Asks, and returns the exit code."""
    try:
        with Api.connect(arguments.kubeconfig, arguments.context, arguments.namespace) as api:
            return _ask(api, arguments)
    except asking.CannotAsk as cannot:
        return _say(arguments, cannot, REFUSED)
    except NotFound as missing:
        return _say(arguments, missing, REFUSED)
    except Forbidden as forbidden:
        return _say(arguments, forbidden, FORBIDDEN)
    except Unreachable as away:
        return _say(arguments, away, WRONG_CALL)


def _ask(api: Api, arguments: argparse.Namespace) -> int:
    action = COMMANDS[arguments.command].action
    rollout, caller = api.rollout(arguments.name), api.caller()
    asked = asking.Asked(
        action, arguments.reason, getattr(arguments, "revision", None), getattr(arguments, "to_revision", None),
        tuple(getattr(arguments, "group", None) or ()),
    )  # fmt: skip
    created = api.create(asking.manifest(rollout, caller, asked))
    name = created["metadata"]["name"]
    print(f"rolloutrequest.slipway.dev/{name} created", file=sys.stderr)
    if not arguments.wait:
        print(name)
        return APPLIED
    for answer in _answers(api, name, arguments.timeout):
        phase, message = answer.get("phase", ""), answer.get("message", "")
        if phase in ("Applied", "Refused"):
            why = "" if phase == "Applied" else f"{answer.get('reason', '')}: "
            print(f"{phase}: {why}{message}", file=sys.stdout if phase == "Applied" else sys.stderr)
            return APPLIED if phase == "Applied" else REFUSED
        print(f"{phase}: {message}" if phase else "waiting for the operator", file=sys.stderr)
    print(f"slipway {arguments.command}: no answer within {arguments.timeout:g} s. Does the operator run? The request "
          f"stands: kubectl get rolloutrequest {name} -n {api.namespace}", file=sys.stderr)  # fmt: skip
    return NO_ANSWER


def _answers(api: Api, name: str, seconds: float) -> Iterator[Mapping[str, Any]]:
    """The request's status, each time that it says something new. It stands: an API server that does not answer for a
    moment is asked again."""
    until, last = time.monotonic() + seconds, None
    while time.monotonic() < until:
        try:
            status = api.request(name).get("status") or {}
        except Unreachable as away:
            print(f"{away}; asking again", file=sys.stderr)
            time.sleep(_EVERY)
            continue
        said = (status.get("phase", ""), status.get("message", ""))
        if said != last:
            last = said
            yield status
        time.sleep(_EVERY)


def _say(arguments: argparse.Namespace, error: Exception, code: int) -> int:
    print(f"slipway {arguments.command}: {error}", file=sys.stderr)
    return code
