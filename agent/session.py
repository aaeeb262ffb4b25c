"""A chat on disk: what was said, shown, called and found, one event a line, so that it can be taken up again.

The log is the session: `Session` writes every event before the next thing is done, and reads them all when it is
opened. A turn that was cut off, by ``kill -9`` or an error, is closed when the session is taken up: words that had come
are kept and marked, calls without a result get one. What instruments had kept ("track 1") is measured again when it is
first needed. The terminal is `chat`; pages and servers can hold as many sessions as they have users.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from motionlaw.agent.alone import Alone
from motionlaw.agent.log import Event, RunLog, read_log
from motionlaw.agent.loop import Budget, OnEvent, run_turn
from motionlaw.agent.messages import Message, Part, Text, VideoFrames
from motionlaw.agent.model import GREEDY, Model, Sampling
from motionlaw.agent.pictures import check_times, video_frames
from motionlaw.agent.reading import is_reader
from motionlaw.tools.errors import UserError
from motionlaw.tools.instruments import instruments
from motionlaw.tools.registry import call
from motionlaw.tools.scale import parse_scale
from motionlaw.tools.table import is_table_path
from motionlaw.tools.video import probe
from motionlaw.tools.workspace import FoundLaw, Workspace

HOME_VARIABLE = "MOTIONLAW_HOME"
INTERRUPTED = "(interrupted)"
NO_RESULT = "The session was interrupted before this call had a result. Make it again if it is needed."

Answerer = Callable[[Workspace, str, OnEvent], str]


def sessions_folder() -> Path:
    """The folder of all sessions: ``$MOTIONLAW_HOME/sessions``, in the user's home if that is not set."""
    return Path(os.environ.get(HOME_VARIABLE) or Path.home() / ".motionlaw") / "sessions"


def new_session_path(kind: str = "sessions") -> Path:
    """A path for a new log, named by the time: of a session, or of one of the ``"runs"``."""
    return sessions_folder().parent / kind / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}.jsonl"


def find_session(name: str) -> Path:
    """Finds a session to take up again.

    Args:
        name: ``last``, a session's name, or the path of its log.

    Raises:
        UserError: There is no such session.
    """
    folder = sessions_folder()
    known = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime) if folder.is_dir() else []
    if name == "last" and known:
        return known[-1]
    for path in (Path(name), folder / f"{name}.jsonl"):
        if path.is_file():
            return path
    listed = ", ".join(path.stem for path in known[-5:][::-1]) or "none"
    raise UserError(f"There is no session {name!r} in {folder}. The latest: {listed}.")


class Session:
    """A conversation about files, kept in a log.

    Args:
        path: The log; a session that is there already is taken up again.
        model: Who answers; ``None`` for the instruments alone, which also answer where it only reads questions.
        workspace: The files and results of this session.
        answer_alone: Answers a question from the instruments alone, used where there is no model; by rule if not given.
        sampling: How replies are drawn.
        budget: What a turn may cost.

    Raises:
        UserError: The log cannot be read or written, or a video in it is not the file that it was.
    """

    def __init__(
        self,
        path: str | Path,
        model: Model | None,
        workspace: Workspace,
        *,
        answer_alone: Answerer | None = None,
        sampling: Sampling = GREEDY,
        budget: Budget | None = None,
    ) -> None:
        self.path = Path(path)
        self.model = model
        self.workspace = workspace
        self.messages: list[Message] = []
        self._talker = None if is_reader(model) else model
        self._answer_alone = answer_alone or Alone(None if self._talker else model)
        self._sampling, self._budget = sampling, budget
        self._unseen: list[Path] = []
        self._to_measure: list[tuple[str, str]] = []
        self._said: list[str] = []
        events = list(read_log(self.path)) if self.path.exists() else []
        for event in events:
            self._take(event)
        self._log = RunLog(self.path)
        if events:
            self._close_turn()
        self._write(Event("start", _about(model)))

    @property
    def name(self) -> str:
        """What the session is called."""
        return self.path.stem

    def show(self, path: str | Path) -> str:
        """Brings a video or a table into the conversation; it is seen with the next question.

        Returns:
            What the file holds, a sentence.

        Raises:
            UserError: The file cannot be read, or another of its name is there.
        """
        about = _look_at(path)
        self.workspace.files |= _checked_files(self.workspace, path)
        self._write(Event("file", {"path": str(Path(path).resolve()), "about": about}))
        return about

    def set_scale(self, text: str) -> None:
        """Sets what turns the pixels of videos into lengths.

        Args:
            text: E.g. ``"120px=0.5m"``.

        Raises:
            UserError: The text is no scale.
        """
        parse_scale(text)
        self._write(Event("scale", {"text": text}))

    def ask(self, question: str, on_event: OnEvent | None = None) -> str:
        """Answers a question.

        Args:
            question: In words.
            on_event: Told of everything as it happens.

        Returns:
            The answer.

        Raises:
            UserError: The model cannot be reached; the question and what was measured are kept.
        """
        tell = self._teller(on_event)
        tell(Event.of_message(Message.user(*self._seen_now(), question)))
        self._measure_again(tell)
        try:
            if self._talker is None:
                return self._answered_alone(question, tell)
            prompt = Message.system(files("motionlaw.agent").joinpath("prompts/chat.md").read_text("utf-8"))
            turn = run_turn(
                self._talker, [prompt, *self.messages], instruments(self.workspace),
                budget=self._budget, sampling=self._sampling, on_event=tell,
            )  # fmt: skip
        finally:
            self._close_turn()
        return turn.answer

    def report(self, path: str | Path) -> None:
        """Writes a page about the last law that was found.

        Raises:
            UserError: No law has been found yet.
        """
        from motionlaw.tools.report import write_report

        self._measure_again(self._teller(None))
        laws = list(self.workspace.all(FoundLaw).values())
        if not laws:
            raise UserError("No law has been found in this session yet. Ask for one, e.g. What is its law of motion?")
        write_report(laws[-1].discovery, path)

    def close(self) -> None:
        """Closes the log."""
        self._log.close()

    def _seen_now(self) -> list[Part]:
        """What was shown since the last question: what each file holds, and frames for a model."""
        parts: list[Part] = []
        for path in self._unseen:
            parts.append(Text(f"File {_look_at(path)}\n"))
            if self._talker is not None and not is_table_path(path):
                parts.append(video_frames(path))
        return parts

    def _answered_alone(self, question: str, tell: OnEvent) -> str:
        answer = self._answer_alone(self.workspace, question, tell)
        tell(Event("text", {"text": answer}))
        tell(Event.of_message(Message.assistant(answer)))
        return answer

    def _teller(self, on_event: OnEvent | None) -> OnEvent:
        """Writes every event down before anybody is told of it; notes which calls kept something."""
        known = set(self.workspace.kept)

        def tell(event: Event) -> None:
            self._write(event)
            if on_event is not None:
                on_event(event)
            kept = [name for name in self.workspace.kept if name not in known]
            if event.kind == "call" and kept:
                known.update(kept)
                about = {"handles": kept, "name": event.data["name"], "arguments": event.data["arguments"]}
                self._log.write(Event("kept", about))

        return tell

    def _write(self, event: Event) -> None:
        self._log.write(event)
        self._take(event)

    def _take(self, event: Event) -> None:
        """Brings the session to where it was after an event."""
        if event.kind == "message":
            self.messages.append(Message.from_dict(event.data))
            self._said.clear()
            if self.messages[-1].role == "user":  # files go along with the question
                self._unseen.clear()
            _check_videos(self.messages[-1], self.workspace)
        elif event.kind == "text":
            self._said.append(str(event.data.get("text", "")))
        elif event.kind == "file":
            path = Path(str(event.data["path"]))
            if path.is_file():
                self.workspace.files |= _checked_files(self.workspace, path)
                self._unseen.append(path)
        elif event.kind == "scale":
            self.workspace.scale = parse_scale(str(event.data["text"]))
        elif event.kind == "kept":
            self._to_measure.append((str(event.data["name"]), str(event.data["arguments"])))

    def _close_turn(self) -> None:
        """Ends a turn that was cut off: every call has a result, every question an answer."""
        said = "".join(self._said)
        answered = {message.tool_call_id for message in self.messages}
        open_calls = [one for message in self.messages for one in message.tool_calls if one.id not in answered]
        for one in open_calls:
            self._write(Event.of_message(Message.tool(one.id, NO_RESULT)))
        last = self.messages[-1] if self.messages else None
        if last is not None and (last.role != "assistant" or said):
            self._write(Event.of_message(Message.assistant(f"{said} {INTERRUPTED}".lstrip())))

    def _measure_again(self, tell: OnEvent) -> None:
        """Makes the calls again whose results were kept before the session was taken up."""
        tools = instruments(self.workspace)
        while self._to_measure:
            name, arguments = self._to_measure.pop(0)
            tell(Event("note", {"text": f"measuring again: {name}"}))
            result = call(tools, name, arguments)
            if not result.ok:
                tell(Event("note", {"text": f"{name} could not be repeated: {result.text}"}))


def _about(model: Model | None) -> dict[str, str]:
    from motionlaw import __version__

    return {"version": __version__, "model": model.name if model is not None else "none"}


def _look_at(path: str | Path) -> str:
    """What a file holds, in words."""
    name = Path(path).name
    if is_table_path(path):
        return f"{name}: a table"
    info = probe(path)
    return (
        f"{name}: a video, {info.width}x{info.height} px, {info.frame_count} frames at {info.fps:.3f} frames a second, "
        f"{info.timestamps[0]:.3f} to {info.timestamps[-1]:.3f} s"
    )


def _checked_files(workspace: Workspace, path: str | Path) -> dict[str, Path]:
    """The file under its name, unless another file of that name is there."""
    found = Workspace([path]).files
    name, place = next(iter(found.items()))
    if workspace.files.get(name, place) != place:
        raise UserError(f"Two files are called {name}. Give one of them another name.")
    return found


def _check_videos(message: Message, workspace: Workspace) -> None:
    """Makes sure that frames in a message are still those of the file."""
    for part in message.content:
        if isinstance(part, VideoFrames) and part.name in workspace.files:
            check_times(part, probe(workspace.files[part.name]))
