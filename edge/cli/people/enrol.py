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
        "person's own; the images are not kept. To undo: `smartclocker people withdraw`. With --here the person "
        "stands before the running terminal, and five templates are taken of their living face, of which both "
        "sides are seen. Photographs are the other way: nobody tests them for liveness, so see that they show this "
        "person."
    )
    parser.epilog = (
        "examples: smartclocker enrol - --here --witness 4711 --consent --age-13-or-older --employer-agreed; "
        "smartclocker enrol - ada1.jpg ada2.jpg --witness 4711 --consent --age-13-or-older "
        "--employer-agreed. Both ask for the name"
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
    parser.add_argument(
        "--here",
        action="store_true",
        help=(
            "enrol the person who stands before the terminal, through its running service: the lights and this "
            "screen say what to do, and what the liveness layers do not find alive is refused"
        ),
    )
    parser.add_argument(
        "--camera",
        action="store_true",
        help="the same; when no service runs, the configured camera is used directly",
    )
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
    import secrets

    from edge import config
    from edge.adapters.linux.control_client import is_served
    from edge.cli.people.guided import run_guided
    from edge.domain.recognition.head_turn import Side
    from edge.errors import EnrolmentRefused
    from edge.people.person import new_person_id
    from edge.terminal import adapters, factory, installed
    from edge.terminal.cameras.watch import refuse_changed
    from edge.terminal.operator import enrolment, probes

    loaded = config.load(arguments.config).config
    attested(arguments, "no consent, no template")
    here = arguments.here or arguments.camera
    if here == bool(arguments.photographs):
        raise EnrolmentRefused("nobody was enrolled: give photographs, or --here, and not both")
    path = installed.control_path(loaded)
    if arguments.here or (arguments.camera and is_served(path)):
        return run_guided(arguments, path)
    keys, clock, by = installed.load_secrets(loaded), adapters.clock(), operator(arguments)
    name, witness = name_of(arguments.name), witness_of(arguments)
    with installed.open_people(loaded, keys) as people:
        policy = people.accepted(installed.policy(loaded))[0]
        if arguments.person:
            enrolment.refuse_face(arguments.person, people)
    consent = given(arguments, policy, clock.evidence().utc, witness)
    enrolment.check(new_person_id(), name, consent, policy)  # refuses early, before many photographs are searched
    pipeline = factory.pipeline(loaded, installed.model_store(loaded), enrolling=True)
    if arguments.camera:
        chosen = adapters.camera(loaded)
        refuse_changed(loaded.camera.kind, chosen.identify(), Path(loaded.storage.state))
        found = probes.probes_from_camera(chosen, pipeline, secrets.choice(tuple(Side)), _tell)
    else:
        from edge.vision.photo import load_photo

        photographs = ((path.name, load_photo(path)) for path in arguments.photographs)
        found = probes.probes_from_photographs(photographs, pipeline)
    with installed.open_people(loaded, keys) as people, installed.open_journal(loaded, keys) as journal:
        other = factory.lookalike(loaded, found, people)
        enrolment.refuse_lookalike(other, arguments.person, despite=arguments.despite_lookalike)
        made = enrolment.enrol(
            name, found, consent, policy,
            people=people, journal=journal, clock=clock, by=by, person=arguments.person,
        )  # fmt: skip
    if arguments.json:
        told = {"person": made.person, "templates": made.templates, "policy": policy.version}
        print(json.dumps({**told, "liveness_tested": arguments.camera}))
    else:
        print(
            f"enrolled {made.person} with {counted(made.templates, 'template')}; "
            f"consent to policy {policy.version} recorded"
        )
        if not arguments.camera:
            print("photographs are not tested for liveness: see that they show this person, as they are today")
        say_export(arguments, made.person)
        print(f"undo: {at_terminal(arguments, 'people', 'withdraw', made.person)}")
    return 0


def _tell(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)
