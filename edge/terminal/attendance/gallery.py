"""Loading the gallery from the people file, again whenever that file was written to."""

import logging

from edge.domain.people.consent import Policy
from edge.domain.plural import counted
from edge.people.people_store import People
from edge.terminal.attendance.face_recognition import FaceRecognition
from edge.terminal.attendance.site_threshold import SiteThreshold
from edge.terminal.runtime.alarms import Alarm

LOG = logging.getLogger(__name__)
AT_ONCE = 2_000
"""Up to so many people, all lookalikes are searched for before the first face is attended to; with more people, a
part is searched each second.
"""


class GalleryLoader:
    """Gives the face recognition its gallery and threshold. One thread uses it; `alarms` may be read on any."""

    def __init__(
        self, faces: FaceRecognition, site: SiteThreshold, consent: Policy, template_length: int | None = None
    ) -> None:
        """`consent` is the configured privacy policy.

        `template_length` is the number of values in a template of the model. Without it, the length that most
        people's templates have counts.
        """
        self.policy = consent.version
        """The version of the privacy policy in force."""
        self.unreadable: list[str] = []
        """People whose consent, key or templates are damaged: only they are not matched."""
        self._faces, self._enrolled, self._site = faces, faces.enrolled, site
        self.consent, self._length = consent, template_length
        self._version: int | None = None

    @property
    def alarms(self) -> tuple[str, ...]:
        """Alarm words for the status."""
        return (Alarm.CALIBRATION_IGNORED,) * self._site.ignored

    def counters(self) -> dict[str, int | str]:
        """Counters for the status."""
        return {"people_unreadable": len(self.unreadable), "policy": self.policy}

    def is_behind(self, people: People) -> bool:
        """Whether the people file was written to since the gallery was loaded. Raises PeopleError."""
        return people.version() != self._version

    def load(self, people: People) -> None:
        """Load everybody who is enrolled and has consented now. Raises PeopleError."""
        self._version = people.version()
        self.policy = people.accepted(self.consent)[0].version
        unreadable: list[str] = []
        model_id = self._enrolled.gallery.model_id
        found = people.gallery(model_id, self.consent, unreadable=unreadable, length=self._length)
        if unreadable and unreadable != self.unreadable:
            who = counted(len(unreadable), "person", "people")
            LOG.error("%s cannot be matched, because their data is damaged: see `smartclocker people list`", who)
        self.unreadable = unreadable
        self._site.changed()
        if not self._enrolled.replace(found, self._site.shift):
            return  # something else was written, a wrong PIN for instance
        LOG.info("%s enrolled with consent", counted(found.size, "person", "people"))
        self._changed()

    def keep_up(self, now_ms: int) -> None:
        """Take up the site's threshold and search some lookalikes, every second; save the counts from time to
        time.
        """
        if self._site.changed() and self._enrolled.replace(self._enrolled.gallery, self._site.shift):
            self._changed()
        self._search_lookalikes()
        self._site.save(now_ms)

    def close(self) -> None:
        """Save the counts for the next calibration."""
        self._site.save()

    def _changed(self) -> None:
        self._faces.enrolled_changed()
        if self._enrolled.gallery.size <= AT_ONCE:
            while self._enrolled.searching:
                self._search_lookalikes()

    def _search_lookalikes(self) -> None:
        """Run one part of the search for lookalikes, if it has not ended."""
        if self._enrolled.searching and not self._enrolled.search_lookalikes() and self._enrolled.lookalikes:
            many = len(self._enrolled.lookalikes)
            LOG.info("%d people look like another person: their face counts only together with their badge", many)
