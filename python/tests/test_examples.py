"""The example programs, run as python/README.md says: each message counted once, each clip stored once, no deleted one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from support import Sql

ROOT = Path(__file__).parents[2]
DATA = ROOT / "examples" / "data"
VIDEO_ENDINGS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")


def run(*arguments: str) -> str:
    program = ROOT / "python" / "examples" / arguments[0]
    ended = subprocess.run([sys.executable, program, *arguments[1:]], capture_output=True, text=True, timeout=240)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text().splitlines() if line]


def deleted_messages() -> set[str]:
    deleted: set[str] = set()
    for event in lines("gateway.jsonl"):
        if event["t"] == "MESSAGE_DELETE":
            deleted.add(event["d"]["id"])
        elif event["t"] == "MESSAGE_DELETE_BULK":
            deleted.update(event["d"]["ids"])
    return deleted


def is_clip(file: dict[str, Any]) -> bool:
    is_typed = (file.get("content_type") or "").startswith("video/")
    return is_typed or file["filename"].lower().endswith(VIDEO_ENDINGS)


def expected() -> tuple[Counter[str], Counter[str]]:
    """How many messages and clips the sample data has in each channel."""
    deleted = deleted_messages()
    messages: Counter[str] = Counter()
    clips: Counter[str] = Counter()
    for message in lines("messages.jsonl"):
        if message["id"] not in deleted:
            messages[message["channel_id"]] += 1
            clips[message["channel_id"]] += sum(map(is_clip, message["attachments"]))
    return messages, +clips


def test_bot_and_worker_store_what_the_sample_data_says(database_url: str, sql: Sql) -> None:
    assert "skipped=0" in run("bot.py", str(DATA / "gateway.jsonl"))
    assert "summary" in run("worker.py", "--until-idle")

    channels = {row["channel_id"]: row["message_count"] for row in sql("select * from bot_channels")}
    stored = sql("select channel_id, count(*) from bot_clips where deleted_at is null group by channel_id")
    messages, clips = expected()
    assert {id: count for id, count in channels.items() if count} == {id: messages[id] for id in channels if messages[id]}
    assert {row["channel_id"]: row["count"] for row in stored} == {id: clips[id] for id in channels if clips[id]}


def test_a_file_that_is_not_there_is_an_error(database_url: str) -> None:
    program = ROOT / "python" / "examples" / "bot.py"
    ended = subprocess.run([sys.executable, program, "nowhere.jsonl"], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "nowhere.jsonl" in ended.stderr
