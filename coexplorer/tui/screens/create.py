"""The form for a new asset, then its progress from draft to ready or failed.

What is typed is kept as a draft until it is sent; after that the journal has it. The AWS keys go to
the platform and nowhere else: not into drafts, logs or messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll

from coexplorer.errors import ApiError, CoexplorerError, InvalidField, NotSignedIn
from coexplorer.fields import (
    SETS_LAST,
    EditableField,
    FieldKind,
    Fields,
    Value,
    build_new_fields,
    field_named,
    replace_values,
)
from coexplorer.library.drafts import FormDraft
from coexplorer.library.library import Library
from coexplorer.library.metadata import describe_lacking
from coexplorer.library.results import CreateProgress, EditResult, ReadyProgress
from coexplorer.metadata.schema import UNKNOWN
from coexplorer.models import (
    AssetSource,
    AwsSource,
    CombinedSource,
    ComputationSource,
    GcpSource,
    NewAsset,
    Record,
    Secret,
    WorkstationSource,
)
from coexplorer.sharing.changes import SharingChange
from coexplorer.sharing.written import parse_changes
from coexplorer.spelling import spell
from coexplorer.text import clean, fit
from coexplorer.tui.columns import Role, wrap
from coexplorer.tui.commands import Command, Scope
from coexplorer.tui.keys import key_of
from coexplorer.tui.messages import Switched, TextEntered, TextTyped
from coexplorer.tui.metadata_text import offer_values, read_key
from coexplorer.tui.new_from import NewFrom, read_from
from coexplorer.tui.screens.base import HERE, CommandScreen
from coexplorer.tui.screens.key_queue import OPEN
from coexplorer.tui.tag_text import find_tag_at, fit_values, join_pasted, parse_tags, quote_tag
from coexplorer.tui.widgets.choices import Choice, Choices
from coexplorer.tui.widgets.details import Rule
from coexplorer.tui.widgets.field import FORM_PARTS
from coexplorer.tui.widgets.footer import Footer
from coexplorer.tui.widgets.form import LABEL_CELLS, FormField, Toggle
from coexplorer.tui.widgets.lines import Lines
from coexplorer.tui.widgets.mistakes import Mistakes, find_mistake
from coexplorer.tui.widgets.prompt import Prompt
from coexplorer.written import join_lines, trim, unwrap

MOST_TAGS = 20
ROWS_OF_NOTICES = 3
"""Rows above the form that stay free: what is said must not cover it."""
_MOST_PARTS = 5
"""Names of what is combined that the form shows."""

_PATH_LABELS = {"run": "only this part", "workstation": "folder of it"}


class CreateScreen(CommandScreen[Record | None]):
    """Gives what was made, or None."""

    scope: ClassVar[Scope] = Scope.FORM
    keeps_clear: ClassVar[str] = "#form"
    DEFAULT_CSS = """
    CreateScreen #form {
        dock: bottom; height: auto; max-height: 100%; background: $background;
    }
    CreateScreen VerticalScroll { height: auto; scrollbar-size: 1 1; scrollbar-size-horizontal: 0; }
    CreateScreen #metadata { height: auto; }
    CreateScreen .note { height: 1; }
    CreateScreen #parts { height: auto; }
    CreateScreen #told { height: auto; max-height: 4; }
    """

    def __init__(
        self,
        library: Library,
        draft: FormDraft | None = None,
        made_of: NewFrom | None = None,
    ) -> None:
        super().__init__()
        texts = draft.texts if draft is not None else {}
        switched = draft.switched if draft is not None else {}

        def field(name: str, label: str, paste: Callable[[str], str] = join_lines) -> FormField:
            return FormField(name, label, value=texts.get(name, ""), paste=paste)

        def toggle(name: str, text: str, *, on: bool = False) -> Toggle:
            return Toggle(name, text, on=switched.get(name, on))

        self._library = library
        self._first = draft.field if draft is not None else "name"
        self._tags: list[str] = []
        self._made: Record | None = None
        self._shared: list[EditResult] = []
        self._has_left = False
        self.busy = False
        self._rows = {
            each.name: field(
                each.name,
                f"{each.title} (as the name)" if each.as_name else each.title,
                join_pasted if each.kind is FieldKind.SET else join_lines,
            )
            for each in SETS_LAST
        }
        self._texts = texts
        self._from = made_of or read_from(texts)
        google = self._from.kind == "gcp"
        self._schema = UNKNOWN
        self._keys: dict[str, FormField] = {}
        self._choices = Choices()
        self._bucket = field("bucket", "Google bucket" if google else "S3 bucket")
        self._prefix = field("prefix", "folder in it" if google else "S3 prefix")
        self._external = toggle("external", "keep on external storage")
        self._index = toggle("index", "index the data", on=True)
        self._public = toggle("public", "the bucket is public")
        key, secret = (
            ("client id", "client secret") if google else ("access key id", "secret access key")
        )
        self._key = FormField("key", key, secret=True)
        self._secret = FormField("secret", secret, secret=True)
        self._path = field("path", _PATH_LABELS.get(self._from.kind, "folder"))
        self._failed = toggle("failed", "even if the run has failed")
        self._sharing = field("sharing", "share with")
        self._parts = Lines(id="parts")
        self._told = Lines(id="told")
        self._mistakes = Mistakes(self._find_mistake, self._text_of, indent=LABEL_CELLS)
        self._warned: tuple[str, ...] = ()
        self._rule, self._metadata = Rule(), Vertical(id="metadata")
        self._prompt = Prompt()
        self._footer = Footer()

    def compose(self) -> ComposeResult:
        """The form, the messages, the keys."""
        with Vertical(id="form"):
            yield self._rule
            with VerticalScroll(can_focus=False):
                for name, row in self._rows.items():
                    yield row
                    yield self._mistakes.add(name)
                    if name == "tags":
                        yield self._choices
                for part in self._source_rows:
                    yield part
                    if isinstance(part, FormField):
                        yield self._mistakes.add(part.field.field_name)
                yield self._parts
                yield self._metadata
                yield self._sharing
                yield self._mistakes.add("sharing")
            yield self._told
            yield self._prompt
            yield self._footer

    @property
    def _source_rows(self) -> tuple[FormField | Toggle, ...]:
        match self._from.kind:
            case "run":
                return self._path, self._failed
            case "workstation":
                return (self._path,)
            case "combine":
                return ()
            case "gcp":
                return self._bucket, self._prefix, self._key, self._secret
            case "s3":
                toggles = self._external, self._index, self._public
                return self._bucket, self._prefix, *toggles, self._key, self._secret

    @property
    def _plain_fields(self) -> tuple[FormField, ...]:
        """The fields that hold no secret."""
        source = (self._bucket, self._prefix, self._path)
        return *self._rows.values(), *source, *self._keys.values(), self._sharing

    def on_mount(self) -> None:
        """Begin with the name, or where the draft was left."""
        self._rows["tags"].field.use_choices(self._choices)
        self._go_to(self._first)
        self._show_keys()
        if self._from.ids:
            self.start("parts", self._load_parts)
        self.start("tags", self._load_tags)
        self.start("metadata", self._load_keys)

    def on_resize(self) -> None:
        """Fit to the width."""
        self._rule.show_title(
            f"New asset from {clean(self._from.title)}" if self._from.title else "New asset"
        )
        self._mistakes.fit()
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """Use the height that there is but for notices; the bar shows that the rest scrolls."""
        if not self.is_attached:
            return
        others = sum(each.outer_size.height for each in (self._rule, self._told, self._prompt))
        room = self.app.size.height - others - max(1, self._footer.outer_size.height)
        room -= ROWS_OF_NOTICES
        self.query_one(VerticalScroll).styles.max_height = max(3, room)
        if self.focused is not None:
            self.focused.scroll_visible(animate=False, immediate=True)

    def _show_keys(self) -> None:
        self._footer.show_commands(self.iter_footer(), self.coexplorer.keymap)

    def iter_footer(self) -> list[Command]:
        """Offer what makes sense now: an asset is made once."""
        made = self._made is not None
        return [c for c in super().iter_footer() if not (made and c.id == "form.submit")]

    async def _load_tags(self) -> None:
        self._tags = [tag for tag, _ in await self._library.assets.tag_counts()]

    async def _load_parts(self) -> None:
        """Name what is combined."""
        records = await self._library.assets.records(self._from.ids)
        names = [clean(each.asset.name) for each in records[:_MOST_PARTS]]
        if left := len(self._from.ids) - len(names):
            names.append(f"and {left:,} more")
        heads = ["combines", *[""] * len(names)]
        self._parts.show(
            [
                ((fit(f" {head}", LABEL_CELLS), Role.LABEL), (name, Role.TEXT))
                for head, name in zip(heads, names, strict=False)
            ]
        )
        self.call_after_refresh(self._fit)

    async def _load_keys(self) -> None:
        """Add a row for each key of the custom metadata, as the deployment's schema has them."""
        self._schema = await self._library.platform.metadata_schema()
        if any(each.required for each in self._schema.fields) and self._metadata.is_attached:
            note = Lines()
            note.add_class("note")
            note.show([((f"{' ' * LABEL_CELLS}* required by your deployment", Role.DIM),)])
            await self._metadata.mount(note)
        for each in self._schema.fields:
            name = f"metadata.{each.name}"
            label = f"{each.name}{' *' if each.required else ''}"
            row = FormField(name, clean(label), value=self._texts.get(name, ""))
            self._keys[name] = row
            choices = Choices()
            row.field.use_choices(choices)
            if not self._metadata.is_attached:
                return  # left meanwhile
            await self._metadata.mount(row, self._mistakes.add(name), choices)
        self.call_after_refresh(self._fit)
        if self._first in self._keys:
            self._go_to(self._first)

    def on_text_typed(self, event: TextTyped) -> None:
        """Keep the draft; complete tags."""
        event.stop()
        self._has_left = False
        self._keep_draft()
        self._mistakes.look_again()
        if event.field in {f"metadata.{key}" for key in self._warned}:
            self._warned = ()
            self._tell("", Role.DIM)
        if event.field == "tags":
            start, end, typed = find_tag_at(event.text, event.cursor)
            typed_already = frozenset(parse_tags(event.text))
            tags = (tag for tag in self._tags if tag not in typed_already)
            found = fit_values(tags, typed, MOST_TAGS) if typed else ()
            choices = [Choice(quote_tag(tag), text=tag) for tag in found]
            self._rows["tags"].field.offer(choices, of=event.text, span=(start, end))

        elif event.field in self._keys:
            of_schema = self._schema.find(event.field.removeprefix("metadata."))
            choices, (start, end) = offer_values(of_schema, event.text, event.cursor)
            field = self._keys[event.field].field
            field.offer(choices, of=event.text, span=(start, end))

    def on_switched(self, event: Switched) -> None:
        """Keep the draft."""
        event.stop()
        self._keep_draft()

    def _keep_draft(self) -> None:
        if self.busy or self._has_left or self._made is not None:
            return
        memory = self.coexplorer.memory
        texts = {row.field.field_name: row.value for row in self._plain_fields if row.value}
        if texts:
            switched = {row.switch_name: row.on for row in self.query(Toggle)}
            memory.save_form(
                texts | self._from.texts, switched, getattr(self.focused, "field_name", "name")
            )
        else:
            memory.forms.drop()

    def on_text_entered(self, event: TextEntered) -> None:
        """Enter goes to the next field: a form is not sent by accident."""
        event.stop()
        self.focus_next(FORM_PARTS)

    def _text_of(self, name: str) -> str:
        return next(row.value for row in self.query(FormField) if row.field.field_name == name)

    def _find_mistake(self, name: str) -> str:
        text = self._text_of(name)
        if name in self._rows or name in self._keys:
            row, none = field_named(name), Fields("")
            value = self._value_of(row, text)
            return find_mistake(row, text, value, none, self._schema)
        try:
            if name == "sharing":
                self._read_sharing()
            else:
                self._read_source()
        except InvalidField as error:
            return error.reason if error.field in (name, "sharing") else ""
        return ""

    def _read(self) -> NewAsset:
        """Read the form; the library judges the editable fields.

        Raises:
            InvalidField: There is no bucket, or only one of the two keys, or no folder.
        """
        source = self._read_source()
        values = {
            each.name: self._value_of(each, self._text_of(each.name))
            for each in SETS_LAST
            if each.name != "name"
        }
        fields = build_new_fields(self._rows["name"].value.strip(), values)
        for name, row in self._keys.items():
            value = self._value_of(field_named(name), row.value)
            fields = replace_values(fields, {name: value} if value is not None else {})
        return NewAsset(**msgspec.structs.asdict(fields), source=source)

    def _read_source(self) -> AssetSource:
        path = self._path.value.strip()
        match self._from.kind:
            case "run":
                return ComputationSource(self._from.id, path)
            case "workstation":
                return WorkstationSource(self._from.id, path)
            case "combine":
                return CombinedSource(self._from.ids)
            case "s3" | "gcp":
                return self._read_bucket()

    def _read_bucket(self) -> AwsSource | GcpSource:
        bucket = trim(self._bucket.value).removeprefix("s3://").removeprefix("gs://").strip("/")
        if not bucket:
            raise InvalidField("bucket", "where are the files?")
        key, secret = unwrap(self._key.value), unwrap(self._secret.value)
        if bool(key) != bool(secret):
            raise InvalidField("secret" if key else "key", "the two keys belong together")
        keys = Secret(key) if key else None, Secret(secret) if secret else None
        if self._from.kind == "gcp":
            return GcpSource(bucket, trim(self._prefix.value), *keys)
        return AwsSource(
            bucket=bucket,
            prefix=trim(self._prefix.value),
            keep_on_external_storage=self._external.on,
            index_data=self._index.on,
            public=self._public.on,
            access_key_id=keys[0],
            secret_access_key=keys[1],
        )

    def _read_sharing(self) -> SharingChange | None:
        typed = self._sharing.value.strip()
        return parse_changes(typed) if typed else None

    def _value_of(self, field: EditableField, text: str) -> Value:
        if field.kind is FieldKind.KEY:
            return read_key(field, text, Fields(""), self._schema)
        if field.kind is FieldKind.SET:
            return parse_tags(text)
        return text if field.kind is FieldKind.TEXT else text.strip() or None

    async def _read_checked(self) -> tuple[NewAsset, SharingChange | None] | None:
        """Read the form; None: it can't be sent so, or not before that is confirmed."""
        self._tell("", Role.DIM)
        if wrong := self._mistakes.check():
            self._go_to(wrong)
            return None
        asked = self._read()
        lacking = await self._library.creation.list_lacking(asked)
        if not set(lacking) <= set(self._warned):
            self._warned = lacking
            self._tell(
                f"{describe_lacking(lacking)}; {key_of('form.submit')} again sends it without",
                Role.WARN,
            )
            self._go_to(f"metadata.{lacking[0]}")
            return None
        return asked, self._read_sharing()

    async def do_form_submit(self) -> None:
        """Ask the platform for the asset, then watch it."""
        if self._made is not None:
            self.say(f"it was sent already; {key_of('screen.close')} leaves")
            return
        if self.busy:
            self.say("it is being sent", about=HERE)
            return
        self.busy = True
        try:
            checked = await self._read_checked()
            if checked is None:
                return
            asked, sharing = checked
            self._tell("asking the platform…", Role.DIM)
            self.coexplorer.memory.forms.drop()  # the journal has it, before it is sent
            self._shared.clear()
            self._made = await self._library.creation.create(
                asked,
                sharing=sharing,
                shared=self._shared.append,
                failed_too=self._failed.on,
                heard=self._note_progress,
            )
            self._end_typing()
            self._tell(
                "created: the platform is reading the files; you can leave with "
                f"{key_of('screen.close')}",
                Role.DIM,
            )
            record = await self._library.creation.wait_ready(
                self._made.asset.id, progress=self._tell_wait
            )
        except InvalidField as error:
            if self._mistakes.tell(error.field, error.reason):
                self._tell("", Role.DIM)
            else:
                self._tell(f"{error.message}; {error.hint}", Role.BAD)
            self._go_to(error.field)
        except NotSignedIn as error:
            self._tell(
                "nothing was sent: sign in, then send it again"
                if self._made is None
                else f"it was sent; {key_of('screen.close')} leaves, and the list shows its state",
                Role.BAD,
            )
            self.coexplorer.show_sign_in(error)
        except CoexplorerError as error:
            self._has_left = isinstance(error, ApiError) and error.outcome_unknown
            self._tell(f"{error.message}; {error.hint}".rstrip("; "), Role.BAD)
            self.coexplorer.leave_if_other(error)
        else:
            self._made = record
            if self._shared and self._shared[0].error is not None:
                again = await self._library.creation.share_again(self._shared[0])
                self._shared[:] = [again]
            self._tell_end(record)
        finally:
            self.busy = False
            self.coexplorer.settle(HERE)
            self._keep_draft()

    def _note_progress(self, progress: CreateProgress) -> None:
        """Note that the request leaves: from now on a draft of it would make a second asset."""
        self._has_left = progress.sent

    def _end_typing(self) -> None:
        """Take no more text: it would go nowhere."""
        for part in self.query(FORM_PARTS):
            part.can_focus = False
        self.set_focus(None)
        self._show_keys()

    def _go_to(self, field: str) -> None:
        for row in self.query(FormField):
            if row.field.field_name == field:
                self.set_focus(row.field)

    def _tell(self, text: str, role: Role) -> None:
        parts = wrap(spell(clean(text)), max(1, self.app.size.width - 1)) if text else []
        self._told.show([((f" {part}", role),) for part in parts])
        self.call_after_refresh(self._fit)

    def _tell_wait(self, progress: ReadyProgress) -> None:
        self._tell(
            f"{progress.state} for {progress.waited_s:.0f} s, next check in "
            f"{progress.next_poll_s:.0f} s; you can leave with {key_of('screen.close')}",
            Role.DIM,
        )

    def _tell_end(self, record: Record) -> None:
        asset = record.asset
        if asset.failure_reason or asset.state == "failed":
            self._tell(
                f"failed: {asset.failure_reason or 'the platform does not say why'}", Role.BAD
            )
        else:
            self._tell(f"{asset.name} is ready; {key_of('screen.close')} leaves", Role.GOOD)
            for result in self._shared:
                why = result.error.message if result.error is not None else result.lacking
                if why:
                    self._tell(f"{asset.name} is ready, but not shared as asked: {why}", Role.BAD)

    @property
    def _typed(self) -> bool:
        return any(row.value for row in self.query(FormField))

    def do_screen_close(self) -> None:
        """Leave; what was asked for goes on by itself, what was only typed is asked about."""
        if self._made is None and self._typed and not self.busy:
            self.hold_keys(OPEN)
            self.start("leave", self._leave)
        else:
            self._go(self._made)

    def _go(self, made: Record | None) -> None:
        self.coexplorer.memory.forms.drop()
        self.dismiss(made)

    async def _leave(self) -> None:
        if await self._prompt.confirm(
            "leave without sending?", yes="throw away what was typed", no="go on"
        ):
            self._go(None)
