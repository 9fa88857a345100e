"""What a camera sees of heads, prints and displays with an infrared lamp beside it: two laws of physics, no data.

Every pixel's ray is followed to the first surface. The room's light falls from all around and from in front; the
lamp's by the inverse square of its distance and by Lambert's cosine. Lengths are metres, z is away from the camera.
"""

from dataclasses import dataclass, field

import numpy as np

from edge.domain.face import Box

WIDTH, HEIGHT, FOCAL = 640, 480, 490.0
LAMP = np.array([0.05, 0.03, 0.0])
NOISE = 3.0
_ROOM_DIRECTION = np.array([0.3, -0.6, -0.74])
_X, _Y = np.meshgrid((np.arange(WIDTH) - 319.5) / FOCAL, (np.arange(HEIGHT) - 239.5) / FOCAL)
RAYS = np.stack([_X, _Y, np.ones_like(_X)], 2)


@dataclass(frozen=True, eq=False)
class View:
    """What is before the camera, pixel by pixel."""

    places: np.ndarray
    normals: np.ndarray
    visible: np.ndarray
    """Share of the room's light that comes back; of a display, what it makes itself."""
    infrared: np.ndarray
    own: np.ndarray = field(default_factory=lambda: np.zeros((HEIGHT, WIDTH), bool))
    """Where it is light that is made, not returned."""
    face: Box = field(default_factory=lambda: Box(0, 0, 1, 1))
    shine: np.ndarray | float = 0.0
    """The lamp's mirror image."""

    def room(self) -> np.ndarray:
        """Linear light of the room."""
        front = np.clip(self.normals @ _ROOM_DIRECTION, 0, 1)
        return np.where(self.own, self.visible, self.visible * (0.6 + 0.6 * front))

    def lamp(self, offset: np.ndarray = LAMP) -> np.ndarray:
        """Linear light of a lamp that gives skin 0.5 m away as much as the room gives a white wall."""
        way = offset - self.places
        distance = np.linalg.norm(way, axis=2)
        slant = np.clip((self.normals * way).sum(2) / distance, 0, 1)
        return self.infrared / 0.55 * slant * (0.5 / distance) ** 2 + self.shine


def filmed(light: np.ndarray, exposure: float = 0.22, seed: int = 1, noise: float = NOISE) -> np.ndarray:
    """A frame of linear light, with gamma and noise."""
    levels = 255 * np.clip(light * exposure, 0, 1) ** (1 / 2.2)
    levels = levels + np.random.default_rng(seed).normal(0, noise, levels.shape)
    return np.repeat(np.clip(np.rint(levels), 0, 255).astype(np.uint8)[..., None], 3, 2)


def head(away: float = 0.5, *, depth: float = 0.9, yaw: float = 0.0, wall: float = 1.8, shift: float = 0.0) -> View:
    """An ellipsoid, `depth` times as deep as half its width, before a body and a wall behind."""
    axes = np.array([0.075, 0.11, 0.075 * depth])
    turn = np.radians(yaw)
    turned = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    middle = np.array([shift, 0.0, away + axes[2]])
    ray, start = RAYS @ turned / axes, -middle @ turned / axes
    a, b, c = (ray**2).sum(2), 2 * (ray @ start), start @ start - 1
    hit = (inside := b**2 - 4 * a * c) > 0
    reach = np.where(hit, (-b - np.sqrt(np.maximum(inside, 0))) / (2 * a), 0)
    places, normals, visible, infrared = _room(away, wall)
    surface = RAYS * reach[..., None]
    local = (surface - middle) @ turned / axes
    outward = (local / axes) @ turned.T
    places[hit], normals[hit] = surface[hit], (outward / np.linalg.norm(outward, axis=2, keepdims=True))[hit]
    eyes = (np.hypot((np.abs(local[..., 0]) - 0.42) / 0.2, (local[..., 1] + 0.2) / 0.06) < 1) & hit
    mouth = (np.hypot(local[..., 0] / 0.35, (local[..., 1] - 0.47) / 0.06) < 1) & hit
    visible[hit], infrared[hit] = 0.5, 0.55
    visible[eyes], infrared[eyes] = 0.1, 0.2
    visible[mouth], infrared[mouth] = 0.3, 0.5
    down, across = np.nonzero(hit)
    box = Box(across.min(), down.min(), across.max(), down.max())
    return View(places, normals, visible, infrared, face=box)


def flat(of: View, away: float = 0.4, *, tilt: float = 0.0, toner: bool = False, half: float | None = None) -> View:
    """A print of a view, `half` metres to each side (None: it fills the frame), held at an angle."""
    places, normals, where = _sheet(away, tilt, half)
    drawn = of.room()
    paper = drawn / drawn.max() * 0.8
    shown = _behind(of, places, normals, paper, 0.8 * (paper / 0.8) if toner else np.full_like(paper, 0.8), where)
    return View(*shown, face=of.face)


def display(of: View, away: float = 0.3, *, spot: bool = False, half: float | None = 0.11) -> View:
    """The same on glass that shines by itself."""
    places, normals, where = _sheet(away, 0.0, half)
    shown = _behind(of, places, normals, of.room(), np.full((HEIGHT, WIDTH), 0.02), where)
    x, y = of.face.centre
    mirror = np.hypot(np.arange(WIDTH)[None] - x, np.arange(HEIGHT)[:, None] - y - 40) < 12
    return View(*shown, own=where, face=of.face, shine=8.0 * mirror if spot else 0.0)


def _room(away: float, wall: float) -> tuple[np.ndarray, ...]:
    places = RAYS * wall
    normals = np.zeros_like(RAYS)
    normals[..., 2] = -1
    visible, infrared = np.full((HEIGHT, WIDTH), 0.7), np.full((HEIGHT, WIDTH), 0.8)
    chest = RAYS * (away + 0.12)
    body = (chest[..., 1] > 0.13) & (np.abs(chest[..., 0]) < 0.22)
    places[body], visible[body], infrared[body] = chest[body], 0.3, 0.6
    return places, normals, visible, infrared


def _sheet(away: float, tilt: float, half: float | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    normal = np.array([np.sin(np.radians(tilt)), 0.0, -np.cos(np.radians(tilt))])
    places = RAYS * (away * normal[2] / (RAYS @ normal))[..., None]
    where = np.abs(places[..., :2]).max(2) < (np.inf if half is None else half)
    return places, np.broadcast_to(normal, RAYS.shape), where


def _behind(of: View, places, normals, visible, infrared, where) -> tuple[np.ndarray, ...]:
    """A sheet where it is, and else a hand that holds it, whoever holds it, and the wall."""
    parts = zip((of.places, of.normals, of.visible, of.infrared), (places, normals, visible, infrared), strict=True)
    return tuple(np.where(where[..., None] if old.ndim == 3 else where, new, old) for old, new in parts)
