"""What was found on one slide in one conversation: layers, regions, and which of them are drawn."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from agent.events import Artifact
from agent.session import Layer
from tools.regions import Region

MOST_LAYERS = 40


@dataclass
class Board:
    """Findings on one slide.

    `left` and `right` are the layers that colour the first and, in a comparison, the second view; `hidden` and `own`
    are ids of regions: not drawn now, and drawn or brought by the person; `focus` is the region that the person chose.
    """

    layers: dict[str, Layer] = field(default_factory=dict)
    regions: dict[str, Region] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)
    left: str | None = None
    right: str | None = None
    focus: str | None = None
    genes: Artifact = field(default_factory=dict)

    def bring_layer(self, layer: Layer) -> None:
        """Colour the slide by a layer. A map of other words hides the outlines that words before it brought."""
        same = [name for name, old in self.layers.items() if (old.title, old.kind) == (layer.title, layer.kind)]
        for name in same:
            self.drop_layer(name)
        self.layers[layer.id] = layer
        self.left = layer.id
        if layer.kind == "score":
            self._hide_others({layer.title})
        while len(self.layers) > MOST_LAYERS:
            self.drop_layer(next(iter(self.layers)))

    def drop_layer(self, name: str) -> None:
        """Remove a layer; a view that showed it shows none."""
        self.layers.pop(name, None)
        self.left = None if self.left == name else self.left
        self.right = None if self.right == name else self.right

    def rename_layer(self, name: str, title: str) -> None:
        """Give a layer another title."""
        self.layers[name] = replace(self.layers[name], title=title)

    def bring_regions(self, found: Iterable[Region]) -> None:
        """Outline regions that were found; those of the same words go, those of other words are hidden."""
        found = list(found)
        words = {region.query for region in found}
        self._drop_same(words)
        self._hide_others(words)
        self.regions |= {region.id: region for region in found}

    def draw_regions(self, drawn: Iterable[Region]) -> None:
        """Keep regions that the person drew or brought, in place of those of the same words."""
        drawn = list(drawn)
        self._drop_same({region.query for region in drawn})
        self.regions |= {region.id: region for region in drawn}
        self.own |= {region.id for region in drawn}

    def drop_region(self, name: str) -> None:
        """Remove a region."""
        self.regions.pop(name, None)
        self.hidden.discard(name)
        self.own.discard(name)
        self.focus = None if self.focus == name else self.focus

    def shown_regions(self) -> list[Region]:
        """The regions that are outlined now."""
        return [region for name, region in self.regions.items() if name not in self.hidden]

    def _drop_same(self, words: set[str]) -> None:
        for old in [name for name, region in self.regions.items() if region.query in words]:
            self.drop_region(old)

    def _hide_others(self, words: set[str]) -> None:
        self.hidden |= {
            name for name, region in self.regions.items() if region.query not in words and name not in self.own
        }
