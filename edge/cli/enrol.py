"""`smartclocker enrol`."""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

from edge.cli import add_config, add_json
from edge.cli.acting import add_operator, operator
from edge.domain.wording import counted


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `enrol`."""
    parser.description = (
        "Enrol one person. Their consent is part of it: to the policy that the configuration names, witnessed, "
        "with the attestation that they are 13 or older. The templates are kept encrypted under a key of this "
        "person's own; the images are not kept. To undo: `smartclocker people withdraw`."
    )
    parser.epilog = (
        "example: smartclocker enrol 'Ada L.' ada1.jpg ada2.jpg --witness 'J. Smith' --consent --age-13-or-older"
    )
    add_config(parser)
    add_json(parser)
    parser.add_argument("name", metavar="NAME", help="for the people list here; encrypted, and never sent")
    parser.add_argument("photographs", nargs="*", type=Path, metavar="PHOTO", help="one face each; three are best")
    parser.add_argument("--camera", action="store_true", help="take pictures with the configured camera instead")
    parser.add_argument(
        "--person",
        metavar="PERSON",
        help="the id of somebody who is here by badge or PIN: the face is added to them, and no id is new",
    )
    parser.add_argument("--witness", required=True, metavar="WHO", help="who saw the consent given")
    parser.add_argument("--language", default="en", metavar="TAG", help="of the policy that was read (default: en)")
    parser.add_argument("--consent", action="store_true", help="the person has read the policy and agrees to it")
    parser.add_argument("--age-13-or-older", action="store_true", help="the person attests it")
    parser.add_argument(
        "--despite-lookalike",
        action="store_true",
        help="somebody enrolled looks the same (a twin): both then need their badge beside their face",
    )
    add_operator(parser)
    parser.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Enrol."""
    from edge import config
    from edge.domain.consent import Consent
    from edge.errors import EnrolmentRefused, PeopleError
    from edge.terminal import by_hand, enrolment, parts

    loaded = config.load(arguments.config).config
    if not arguments.consent or not arguments.age_13_or_older:
        raise PeopleError(
            "no consent, no template: have the person read the policy, then give --consent and --age-13-or-older"
        )
    if arguments.camera == bool(arguments.photographs):
        raise EnrolmentRefused("nobody was enrolled: give photographs, or --camera, and not both")
    secrets, clock = parts.load_secrets(loaded), parts.clock()
    with parts.open_people(loaded, secrets) as people:
        policy = people.accepted(parts.policy(loaded))[0]
    consent = Consent(
        policy_version=policy.version,
        policy_sha256=policy.sha256,
        language=arguments.language,
        given_at=clock.evidence().utc,
        witness=arguments.witness,
        age_attested=True,
        employer_agreed=True,
    )
    pipeline = parts.pipeline(loaded, parts.model_store(loaded), enrolling=True)
    if arguments.camera:
        probes = enrolment.probes_from_camera(
            parts.camera(loaded), pipeline, wanted=5, frames=20 * loaded.camera.fps, told=_tell
        )
    else:
        from edge.vision.photo import load_photo

        photographs = ((path.name, load_photo(path)) for path in arguments.photographs)
        probes = enrolment.probes_from_photographs(photographs, pipeline)
    with parts.open_people(loaded, secrets) as people, parts.open_ring(loaded, secrets) as ring:
        other = parts.lookalike(loaded, probes, people)
        if other not in {None, arguments.person} and not arguments.despite_lookalike:
            raise EnrolmentRefused(
                f"nobody was enrolled: {other} would be taken for this person. If it is the same one, withdraw "
                "that enrolment first; if they only look alike, give --despite-lookalike, and both a badge"
            )
        act = partial(by_hand.add_face, arguments.person) if arguments.person else enrolment.enrol
        made = act(
            arguments.name, probes, consent, policy,
            people=people, ring=ring, clock=clock, by=operator(arguments),
        )  # fmt: skip
    if arguments.json:
        print(json.dumps({"person": made.person, "templates": made.templates, "policy": policy.version}))
    else:
        print(
            f"enrolled {made.person} with {counted(made.templates, 'template')}; "
            f"consent to policy {policy.version} recorded"
        )
        print(f"undo: smartclocker people withdraw {made.person}")
    return 0


def _tell(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
