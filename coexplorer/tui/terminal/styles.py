"""Component styles, computed only when something is drawn with them.

Textual computes every component class of every widget whenever an ancestor's style may have
changed, with a DOM node for each. With a dozen roles on eight panes that takes most of the time
between the app's start and its first keys. A pane draws with only a few of them.
"""

from __future__ import annotations

from textual.css.styles import RenderStyles
from textual.dom import DOMNode
from textual.widget import Widget


class LazyStyles(Widget):
    """A widget whose `COMPONENT_CLASSES` cost nothing until they are used."""

    @classmethod
    def _get_component_classes(cls) -> frozenset[str]:  # type: ignore[override]  # cached there
        return frozenset()

    def get_component_styles(self, *names: str) -> RenderStyles:
        """Return the styles of component classes (see Textual); they are kept until styles change.

        Raises:
            KeyError: The widget has no component class of that name.
        """
        for name in names:
            if name not in self._component_styles:
                if name not in super()._get_component_classes():
                    raise KeyError(f"no component class {name!r} on {self!r}")
                self._component_styles[name] = self._work_out(name)
        return super().get_component_styles(*names)

    def _work_out(self, name: str) -> RenderStyles:
        node = DOMNode(classes=name)
        node._attach(self)  # noqa: SLF001 - listed in test_surface
        self.app.stylesheet.apply(node)
        return node.styles

    def notify_style_update(self) -> None:
        """Draw again where the styles in use have changed."""
        before = dict(self._component_styles)
        self._component_styles.clear()
        super().notify_style_update()
        for name, old in before.items():
            self._component_styles[name] = self._work_out(name)
            if self._component_styles[name] != old:
                self.refresh()
