"""Who is matched here, as the people file has it: loaded anew when that file was written to."""

import logging

from edge.domain.people.consent import Policy
from edge.domain.plural import counted
from edge.people.people_store import People
from edge.terminal.attendance.face_recognition import FaceRecognition
from edge.terminal.attendance.site_threshold import SiteThreshold
from edge.terminal.runtime.alarms import Alarm

LOG = logging.getLogger(__name__)
AT_ONCE = 2_000
"""People whose lookalikes are searched for before the first face is attended to; of more, a part each second."""


class GalleryLoader:
    """Gives the face recognition its gallery and threshold. One thread uses it; `alarms` may be read on any."""

    def __init__(
        self, faces: FaceRecognition, site: SiteThreshold, consent: Policy, template_length: int | None = None
    ) -> None:
        """`consent` is the configured privacy policy.

        `template_length` is how many numbers the model makes of a face; without it what most people's templates
        have counts.
        """
        self.policy = consent.version
        """The version of the privacy policy in force."""
        self.unreadable: list[str] = []
        """People whose consent, key or templates are damaged: they alone are not matched."""
        self._faces, self._enrolled, self._site = faces, faces.enrolled, site
        self.consent, self._length = consent, template_length
        self._version: int | None = None

    @property
    def alarms(self) -> tuple[str, ...]:
        """Words for the status."""
        return (Alarm.CALIBRATION_IGNORED,) * self._site.ignored

    def counters(self) -> dict[str, int | str]:
        """For the status."""
        return {"people_unreadable": len(self.unreadable), "policy": self.policy}

    def is_behind(self, people: People) -> bool:
        """Whether the people file was written to since the gallery was loaded. Raises PeopleError."""
        return people.version() != self._version

    def load(self, people: People) -> None:
        """Match whoever is enrolled with consent now. Raises PeopleError."""
        self._version = people.version()
        self.policy = people.accepted(self.consent)[0].version
        unreadable: list[str] = []
        model_id = self._enrolled.gallery.model_id
        found = people.gallery(model_id, self.consent, unreadable=unreadable, length=self._length)
        if unreadable and unreadable != self.unreadable:
            who = counted(len(unreadable), "person", "people")
            LOG.error("%s cannot be matched, what is kept of them is damaged: `smartclocker people list`", who)
        self.unreadable = unreadable
        self._site.changed()
        if not self._enrolled.replace(found, self._site.shift):
            return  # the people file was written to, a wrong PIN for instance, and nobody's face changed
        LOG.info("%s enrolled with consent", counted(found.size, "person", "people"))
        self._changed()

    def keep_up(self, now_ms: int) -> None:
        """Every second: the site's threshold as it is now, some lookalikes; now and then the counts to the disk."""
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
        """One turn of the search, if it is not through."""
        if self._enrolled.searching and not self._enrolled.search_lookalikes() and self._enrolled.lookalikes:
            many = len(self._enrolled.lookalikes)
            LOG.info("%d people look like another: their face counts with their badge alone", many)
