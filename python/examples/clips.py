"""What of a message is a clip. Bot and worker store the same."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from typing import Protocol

from clip_saver_db.types import Attachment

VIDEO_ENDINGS = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"}


class DiscordFile(Protocol):
    """An attachment, as discord.py has it."""

    id: int
    filename: str
    content_type: str | None
    size: int
    duration: float | None
    width: int | None
    height: int | None
    url: str


def is_video(file_name: str, content_type: str | None) -> bool:
    """Discord sends the type of most files, and `application/octet-stream` for some videos. Then the file name decides."""
    is_typed = content_type is not None and content_type.startswith("video/")
    return is_typed or PurePath(file_name).suffix.lower() in VIDEO_ENDINGS


def of(files: Iterable[DiscordFile]) -> list[Attachment]:
    """The clips among a message's files."""
    return [
        Attachment(
            id=file.id,
            file_name=file.filename,
            size=file.size,
            url=file.url,
            content_type=file.content_type,
            duration_seconds=file.duration,
            width=file.width,
            height=file.height,
        )
        for file in files
        if is_video(file.filename, file.content_type)
    ]
