"""`smartclocker enrol`: enrols a person, with consent."""

import argparse
import json
import sys
from pathlib import Path

from edge.cli import add_config, add_json
from edge.cli.output.next_step import at_terminal, say_export
from edge.cli.people.consent_options import add_consent, attested, given, witness_of
from edge.cli.people.name_input import HELP, name_of
from edge.cli.people.operator_option import add_operator, operator
from edge.domain.plural import counted


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `enrol`."""
    parser.description = (
        "Enrol one person. Their consent is part of it: to the policy that the configuration names, witnessed, "
        "with the attestation that they are 13 or older. The templates are kept encrypted under a key of this "
        "person's own; the images are not kept. To undo: `smartclocker people withdraw`."
    )
    parser.epilog = (
        "example: smartclocker enrol - ada1.jpg ada2.jpg --witness 4711 --consent --age-13-or-older "
        "--employer-agreed, which asks for the name"
    )
    add_config(parser)
    add_json(parser)
    parser.add_argument("name", metavar="NAME", help=HELP)
    parser.add_argument(
        "photographs",
        nargs="*",
        type=Path,
        metavar="PHOTO",
        help="photographs of the person, one face on each; three are best",
    )
    parser.add_argument("--camera", action="store_true", help="take pictures with the configured camera instead")
    parser.add_argument(
        "--person",
        metavar="PERSON",
        help=("add the face to somebody who is here by badge or PIN, under the id that they have"),
    )
    add_consent(parser)
    parser.add_argument(
        "--despite-lookalike",
        action="store_true",
        help=(
            "enrol the person although somebody enrolled looks the same (a twin); both then need "
            "their badge beside their face"
        ),
    )
    add_operator(parser)
    parser.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Enrols one person."""
    from edge import config
    from edge.errors import EnrolmentRefused
    from edge.people.person import new_person_id
    from edge.terminal import adapters, factory, installed
    from edge.terminal.operator import enrolment, probes

    loaded = config.load(arguments.config).config
    attested(arguments, "no consent, no template")
    if arguments.camera == bool(arguments.photographs):
        raise EnrolmentRefused("nobody was enrolled: give photographs, or --camera, and not both")
    secrets, clock, by = installed.load_secrets(loaded), adapters.clock(), operator(arguments)
    name, witness = name_of(arguments.name), witness_of(arguments)
    with installed.open_people(loaded, secrets) as people:
        policy = people.accepted(installed.policy(loaded))[0]
        if arguments.person:
            enrolment.refuse_face(arguments.person, people)
    consent = given(arguments, policy, clock.evidence().utc, witness)
    enrolment.check(new_person_id(), name, consent, policy)  # refuses early, before many photographs are searched
    pipeline = factory.pipeline(loaded, installed.model_store(loaded), enrolling=True)
    if arguments.camera:
        found = probes.probes_from_camera(
            adapters.camera(loaded), pipeline, wanted=5, frames=20 * loaded.camera.fps, told=_tell
        )
    else:
        from edge.vision.photo import load_photo

        photographs = ((path.name, load_photo(path)) for path in arguments.photographs)
        found = probes.probes_from_photographs(photographs, pipeline)
    with installed.open_people(loaded, secrets) as people, installed.open_journal(loaded, secrets) as journal:
        other = factory.lookalike(loaded, found, people)
        if other not in {None, arguments.person} and not arguments.despite_lookalike:
            raise EnrolmentRefused(
                f"nobody was enrolled: {other} would be taken for this person. If they are the same person, "
                "withdraw that enrolment first; if they only look alike, give --despite-lookalike and two badges"
            )
        made = enrolment.enrol(
            name, found, consent, policy,
            people=people, journal=journal, clock=clock, by=by, person=arguments.person,
        )  # fmt: skip
    if arguments.json:
        print(json.dumps({"person": made.person, "templates": made.templates, "policy": policy.version}))
    else:
        print(
            f"enrolled {made.person} with {counted(made.templates, 'template')}; "
            f"consent to policy {policy.version} recorded"
        )
        say_export(arguments, made.person)
        print(f"undo: {at_terminal(arguments, 'people', 'withdraw', made.person)}")
    return 0


def _tell(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
