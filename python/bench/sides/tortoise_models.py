"""The tables as the Tortoise generation declared them, with the column names that the migrations make."""

from __future__ import annotations

from enum import Enum
from uuid import uuid4

from tortoise import fields
from tortoise.models import Model


class ScanStatus(str, Enum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class Guild(Model):
    guild_id = fields.CharField(max_length=255, primary_key=True)
    name = fields.CharField(max_length=255)
    icon = fields.CharField(max_length=255, null=True)
    owner_user_id = fields.CharField(max_length=255, null=True)
    joined_at = fields.DatetimeField(null=True)
    last_seen_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "bot_guilds"


class Channel(Model):
    channel_id = fields.CharField(max_length=255, primary_key=True)
    guild: fields.ForeignKeyRelation[Guild] = fields.ForeignKeyField("models.Guild", related_name="channels")
    name = fields.CharField(max_length=255, null=True)
    type = fields.CharField(max_length=50, null=True)
    is_nsfw = fields.BooleanField(default=False)
    is_reading = fields.BooleanField(default=False)
    last_message_id = fields.CharField(max_length=255, null=True)
    last_scanned_at = fields.DatetimeField(null=True)
    last_activity_at = fields.DatetimeField(null=True)
    message_count = fields.BigIntField(default=0)
    settings = fields.JSONField[dict[str, object]](default=dict)
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "bot_channels"


class ScanRun(Model):
    id = fields.UUIDField(primary_key=True, default=uuid4)
    channel: fields.ForeignKeyRelation[Channel] = fields.ForeignKeyField("models.Channel", related_name="scan_runs")
    after_message_id = fields.CharField(max_length=255, null=True)
    before_message_id = fields.CharField(max_length=255, null=True)
    status = fields.CharEnumField(ScanStatus, default=ScanStatus.QUEUED)
    messages_scanned = fields.BigIntField(default=0)
    messages_matched = fields.BigIntField(default=0)
    error_message = fields.TextField(null=True)
    started_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "bot_channel_scan_runs"
