"""`smartclocker calibrate`: finds and sets the site's own threshold."""

import argparse
import json
from pathlib import Path

from edge.cli import add_config, add_json
from edge.cli.output.next_step import at_terminal
from edge.domain.plural import counted


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `calibrate`."""
    parser.description = (
        "Find this site's own threshold: how alike its people look to each other, by their templates and by the "
        "punches counted since the start. It is put in force at once (the running terminal takes it up within a "
        "second), with its evidence beside it in calibration.json of the state directory. Do it once everybody is "
        "enrolled, and again after some weeks."
    )
    parser.epilog = (
        "It needs 100 people enrolled or 100 punches by face with 20 enrolled. It moves the manifest's threshold "
        "down by 0.03 at most, because the data of a small site say little about rare strangers."
    )
    add_config(parser)
    add_json(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the threshold, and change nothing")
    parser.add_argument("--undo", action="store_true", help="go back to the manifest's threshold")
    parser.set_defaults(call=run)


def run(arguments: argparse.Namespace) -> int:
    """Calibrates the threshold, or undoes it."""
    from edge import config
    from edge.domain.face import Floats
    from edge.domain.recognition import calibration
    from edge.domain.recognition.gallery import threshold
    from edge.errors import EvaluationError
    from edge.terminal import adapters, installed
    from edge.terminal.attendance import site_threshold

    loaded = config.load(arguments.config).config
    state = Path(loaded.storage.state)
    if arguments.undo:
        there = (state / site_threshold.CALIBRATION).is_file()
        (state / site_threshold.CALIBRATION).unlink(missing_ok=True)
        print("the manifest's threshold counts again" if there else "this site was not calibrated")
        return 0
    store = installed.model_store(loaded)
    model_id = store.template.id
    with installed.open_people(loaded, installed.load_secrets(loaded)) as people:
        length = store.template_length
        gallery = people.gallery(model_id, installed.policy(loaded), unreadable=[], length=length)
    book = site_threshold.scores(state, model_id)
    sources: dict[str, Floats | calibration.Reals] = {
        "gallery": calibration.nearest_others(gallery.matrix, gallery.owners),
        "punches": book.maxima(),
    }
    if gallery.size < calibration.FEWEST_PEOPLE:
        sources.pop("gallery")
    tails = {name: tail for name, maxima in sources.items() if (tail := calibration.tail(maxima)) is not None}
    if not tails:
        raise EvaluationError(
            f"{gallery.size} people are enrolled and {book.searches} punches by face were counted: that says too "
            f"little about this site. It needs {calibration.FEWEST_SEARCHES} of either, and at least "
            f"{calibration.FEWEST_PEOPLE} people; until then the manifest's threshold counts"
        )
    target = loaded.recognition.target_fpir
    fmr = {float(rate): cosine for rate, cosine in store.template.fmr.items()}
    usual = threshold(gallery.size, fmr, target)
    found = calibration.calibrate(list(tails.values()), target, usual)
    if not arguments.dry_run:
        made = adapters.clock().evidence().utc
        site_threshold.write(state, model_id, made, found, target, tails)
    if arguments.json:
        print(json.dumps(site_threshold.document_of(found, tails, usual)))
        return 0
    for source, tail in tails.items():
        print(f"{source}: {tail.searches} searches; one in ten finds another person at {tail.start:.3f} or more")
    print(f"for an FPIR of {target:g} with {counted(gallery.size, 'person', 'people')}: {usual + found.shift:.3f}")
    print(f"the manifest's is {usual:.3f}, the site's {found.shift:+.3f} from it")
    if found.wanted != found.shift:
        print(f"(what was seen would move it by {found.wanted:+.3f}; that is more than a site may)")
    undo = at_terminal(arguments, "calibrate", "--undo")
    print("nothing was changed" if arguments.dry_run else f"in force; undo: {undo}")
    return 0
