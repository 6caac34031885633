"""Pages, what they cover, and the clips on them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from types import ModuleType

import pytest
from support import Sql, add_channel, is_utc

from clip_saver_db import InvalidInput, ScanWorker
from clip_saver_db.types import (
    Attachment,
    Clip,
    ClipAuthor,
    ClipKey,
    ClipMessage,
    ClipPage,
    LiveMessagesRecorded,
    MessageInterval,
    PageRecorded,
    ScanClaim,
    ScanPage,
    ScanProgress,
)

ADA = ClipAuthor("501", "ada", "Ada", "f64c48")
BEN = ClipAuthor(502, "ben")


def url(number: int, hours: int) -> str:
    """A URL that expires so many hours from now."""
    expires = datetime.now(timezone.utc) + timedelta(hours=hours)
    return f"https://cdn/{number}/a.mp4?ex={int(expires.timestamp()):x}"


def message(number: int, author: ClipAuthor = ADA, hours: int = 24) -> ClipMessage:
    """A message with a clip, whose id is the message's and 1,000."""
    clip = Attachment(1000 + number, "a.mp4", 7, url(number, hours), "video/mp4", 1.5, 640, 480)
    return ClipMessage(number, author, [clip])


def page(*numbers: int, author: ClipAuthor = ADA, hours: int = 24) -> ScanPage:
    """A page from the beginning, with clips on all of its messages."""
    made = ScanPage.after(None, numbers, [message(number, author, hours) for number in numbers])
    assert made is not None
    return made


async def claimed(db: ModuleType) -> ScanClaim:
    """A run of a new channel."""
    await add_channel(db)
    await db.request_scan("2001")
    (claim,) = await db.claim_scan_runs(ScanWorker("worker"), 1, 600)
    assert isinstance(claim, ScanClaim)
    return claim


async def test_a_page_counts_once_however_often_it_is_recorded(db: ModuleType) -> None:
    claim = await claimed(db)
    first = await db.record_scan_page(claim, page(101, 102))
    assert first == PageRecorded(2, 2, ScanProgress(2, 2), False)
    again = await asyncio.gather(*(db.record_scan_page(claim, page(101, 102)) for _ in range(10)))
    assert again == [PageRecorded(0, 0, ScanProgress(2, 2), False)] * 10
    assert await db.record_scan_page(claim, page(101, 103)) == PageRecorded(1, 1, ScanProgress(3, 3), False)
    assert await db.total_message_count("1001") == 3


async def test_a_page_tells_of_a_wish_to_cancel_and_of_a_lost_claim(db: ModuleType) -> None:
    claim = await claimed(db)
    await db.request_scan_cancel(claim.run_id)
    assert (await db.record_scan_page(claim, page(101))).is_cancel_requested is True
    await db.release_scan(claim)
    assert await db.record_scan_page(claim, page(102)) is None
    assert await db.get_clip(1102) is None


async def test_coverage_and_gaps(db: ModuleType) -> None:
    claim = await claimed(db)
    await db.record_scan_page(claim, ScanPage(MessageInterval("10", "20"), ["10", "20"]))
    await db.record_scan_page(claim, ScanPage(MessageInterval(31, 40), [40]))
    assert await db.get_scan_coverage("2001") == [MessageInterval("10", "20"), MessageInterval("31", "40")]
    gaps = [MessageInterval("0", "9"), MessageInterval("21", "30"), MessageInterval("41", "50")]
    assert await db.get_scan_gaps(2001, 50) == gaps
    assert await db.get_scan_gaps("2002", "50") == []


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (ScanPage.after("10", ["12", 11]), ScanPage(MessageInterval(11, 12), [12, 11])),
        (ScanPage.after(None, [12]), ScanPage(MessageInterval(0, 12), [12])),
        (ScanPage.before(20, (number for number in (18, 12))), ScanPage(MessageInterval(12, 19), [18, 12])),
        (ScanPage.live("7"), ScanPage(MessageInterval("7", "7"), ["7"])),
        (ScanPage.after("10", []), None),
        (ScanPage.before("10", []), None),
    ],
)
def test_pages_are_made_of_what_discord_was_asked_for(made: ScanPage | None, expected: ScanPage | None) -> None:
    assert made == expected


async def test_live_messages_hide_no_gap(db: ModuleType) -> None:
    await add_channel(db)
    live = ScanPage.live("150", [message(150)])
    assert await db.record_live_messages("2001", None, live) == LiveMessagesRecorded(1, 1)
    assert await db.get_scan_coverage("2001") == [MessageInterval("150", "150")]
    assert await db.record_live_messages("2001", 150, ScanPage.live("160")) == LiveMessagesRecorded(1, 0)
    assert await db.get_scan_coverage("2001") == [MessageInterval("150", "160")]
    assert await db.record_live_messages("2002", None, live) is None


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (ScanPage(MessageInterval(20, 10), [15]), "page.covered"),
        (ScanPage(MessageInterval(10, 20), [21]), "page.messages"),
        (ScanPage(MessageInterval(10, 20), [10], [message(11)]), "page.clips[0].id"),
        (ScanPage(MessageInterval(0, 2**64 - 1), [1]), "page.covered"),
        (ScanPage(MessageInterval(0, 2000), list(range(1001))), "page.messages"),
    ],
)
async def test_a_page_that_cannot_be_is_refused(db: ModuleType, sql: Sql, wrong: ScanPage, field: str) -> None:
    claim = await claimed(db)
    with pytest.raises(InvalidInput) as refused:
        await db.record_scan_page(claim, wrong)
    assert str(refused.value.field).startswith(field)
    assert refused.value.function == "record_scan_page"
    assert await db.get_scan_coverage("2001") == []


async def test_a_clip_is_read_as_it_was_stored(db: ModuleType) -> None:
    await db.record_scan_page(await claimed(db), page(101))
    clip = await db.get_clip("1101")
    assert type(clip) is Clip and is_utc(clip.first_seen_at) and is_utc(clip.url_expires_at)
    assert clip.author == ADA
    assert (clip.id, clip.message_id, clip.channel_id, clip.guild_id) == ("1101", "101", "2001", "1001")
    assert (clip.file_name, clip.content_type, clip.size) == ("a.mp4", "video/mp4", 7)
    assert (clip.duration_seconds, clip.width, clip.height) == (1.5, 640, 480)


async def test_clips_come_in_pages_newest_first(db: ModuleType) -> None:
    await db.record_scan_page(await claimed(db), page(*range(101, 106)))
    first = await db.get_clips("1001", limit=2)
    assert type(first) is ClipPage
    assert [clip.id for clip in first.clips] == ["1105", "1104"]
    assert first.next == ClipKey("104", "1104")
    second = await db.get_clips("1001", after=first.next, limit=10)
    assert [clip.id for clip in second.clips] == ["1103", "1102", "1101"]
    assert second.next is None


async def test_clips_are_filtered_and_counted(db: ModuleType) -> None:
    claim = await claimed(db)
    await db.record_scan_page(claim, page(101, 102))
    await db.record_scan_page(claim, page(103, author=BEN))
    discord = datetime(2015, 1, 1, tzinfo=timezone.utc)  # ids this small are of the first moment of 2015
    for options, ids in (
        ({"author_id": 502}, ["1103"]),
        ({"channel_id": "2001"}, ["1103", "1102", "1101"]),
        ({"channel_id": "2002"}, []),
        ({"since": discord, "until": discord + timedelta(days=1)}, ["1103", "1102", "1101"]),
        ({"since": discord + timedelta(days=1)}, []),
        ({"until": discord}, []),
    ):
        assert [clip.id for clip in (await db.get_clips("1001", **options)).clips] == ids, options
        assert await db.count_clips("1001", **options) == len(ids), options


async def test_expiring_clips_get_newer_urls(db: ModuleType) -> None:
    claim = await claimed(db)
    await db.record_scan_page(claim, page(101, hours=1))
    await db.record_scan_page(claim, page(102, hours=48))
    assert [clip.id for clip in await db.get_expiring_clips(2 * 3600, 10)] == ["1101"]
    assert await db.refresh_clip_url("1101", url(101, 0)) is False
    assert await db.refresh_clip_url(1101, url(101, 72)) is True
    assert await db.get_expiring_clips(2 * 3600, 10) == []


async def test_a_deleted_message_does_not_come_back(db: ModuleType) -> None:
    claim = await claimed(db)
    await db.record_scan_page(claim, page(101, 102))
    assert await db.delete_messages("2001", (number for number in (101, "999"))) == 1
    await db.record_scan_page(claim, page(101, 102))
    assert await db.get_clip("1101") is None
    assert await db.count_clips("1001") == 1
    assert await db.total_message_count("1001") == 1
