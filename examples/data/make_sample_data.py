"""Make the sample data of the examples: the events that a Discord gateway sends, and the messages that the worker scans.

Run it with `python3 make_sample_data.py` (3.10 or newer, standard library only). It writes into its own folder:

- `gateway.jsonl`: events in the gateway's wire format, one a line
- `messages.jsonl`: all messages, as "get channel messages" returns them: those before the first event, those that also come
  as events, and those that came while the bot had no session
- `channel_errors.json`: the channels whose history cannot be read at first, or at all, with Discord's answers

Guilds, channels, users and messages are changed copies of the example objects of Discord's documentation (`base/*.json`).
Attachments, deletions and READY, of which it has none, hold the fields that it lists. The guilds and their events are in
`layout.py`. The seed is fixed: every run writes the same bytes.
"""

import copy
import itertools
import json
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

import layout
from layout import ANNOUNCEMENT, CATEGORY, TEXT, VOICE

HERE = Path(__file__).parent
BASE = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((HERE / "base").glob("*.json"))}
CHANNEL_BASES = {TEXT: "channel_text", VOICE: "channel_voice", CATEGORY: "channel_category",
                 ANNOUNCEMENT: "channel_announcement"}

EPOCH = datetime(2015, 1, 1, tzinfo=timezone.utc)  # Discord's epoch: snowflakes count from here
LIVE_MESSAGES = 600
APPLICATION_ID = "1098765432109876543"
RNG = random.Random(20150101)
COUNTER = itertools.count()


# --- Time and ids -------------------------------------------------------------------------------------------------

def ms(text):
    """Milliseconds from Discord's epoch to a UTC date or time."""
    return (datetime.fromisoformat(text).replace(tzinfo=timezone.utc) - EPOCH) // timedelta(milliseconds=1)


LIVE_START = ms("2025-06-01T12:00:00")


def timestamp(at):
    """The time in Discord's format."""
    return (EPOCH + timedelta(milliseconds=at)).isoformat(timespec="microseconds")


def snowflake(at):
    """An id made at that time: 42 bits of time, 5 of worker, 5 of process, 12 of increment."""
    return str(at << 22 | RNG.getrandbits(10) << 12 | next(COUNTER) % 4096)


def created_at(snowflake_id):
    """When the id was made."""
    return int(snowflake_id) >> 22


# --- Users, guilds, channels --------------------------------------------------------------------------------------

def from_base(base, /, **changes):
    """A changed copy of one of Discord's example objects."""
    return copy.deepcopy(BASE[base]) | changes


def image_hash():
    """The hash of a still or animated image, or None."""
    prefix = RNG.choice([None, "", "", "a_"])
    return None if prefix is None else f"{prefix}{RNG.getrandbits(128):032x}"


def make_user(name, user_id=None):
    """The public part of a user."""
    user_id = user_id or snowflake(RNG.randrange(ms("2015-06-01"), ms("2018-12-31")))
    public = {key: BASE["user"][key] for key in ("id", "username", "global_name", "discriminator", "avatar")}
    public |= {"id": user_id, "username": name.lower(), "discriminator": "0", "avatar": image_hash()}
    public["global_name"] = RNG.choice([None, name])
    return public | ({"bot": True} if name == "ClipBot" else {})


def make_member(user, joined):
    """A guild member without roles."""
    return {"user": user, "roles": [], "nick": None, "joined_at": timestamp(joined), "deaf": False, "mute": False,
            "flags": 0}


def make_channel(guild_id, row, position, parent_id):
    """A channel of the layout, without messages; its position in the guild determines its age."""
    kind, name, history, changes = row
    channel_id = snowflake(created_at(guild_id) + 1_000 + 61_003 * position)
    channel = from_base(CHANNEL_BASES[kind], id=channel_id, guild_id=guild_id, name=name, position=position,
                        parent_id=None if kind == CATEGORY else parent_id)
    if kind != CATEGORY:
        channel["last_message_id"] = None
    if "topic" in channel:
        channel["topic"] = None
    return channel | {"nsfw": False} | changes, history


def make_channels(guild_id, rows):
    """The channels of a guild, each in the category before it, and the history length of each."""
    channels, lengths, parent_id = [], {}, None
    for position, row in enumerate(rows):
        channel, history = make_channel(guild_id, row, position, parent_id)
        parent_id = channel["id"] if channel["type"] == CATEGORY else parent_id
        channels.append(channel)
        lengths[channel["id"]] = history
    return channels, lengths


def make_guild(name, created, joined, changes, rows):
    """A guild as in GUILD_CREATE, and the history length of each of its channels."""
    own = {} if name == BASE["guild"]["name"] else {"id": snowflake(ms(created)), "features": [], "description": None,
                                                    "banner": None, "vanity_url_code": None}
    guild = from_base("guild", name=name, **own)
    owner = make_user("owner." + name.split()[0], None if own else guild["owner_id"])
    guild |= {"owner_id": owner["id"], "joined_at": timestamp(ms(joined) + RNG.randrange(86_400_000)),
              "large": False, "unavailable": False, "nsfw_level": 0, "premium_progress_bar_enabled": False,
              "member_count": RNG.randrange(30, 240), "members": [make_member(owner, ms(created))]}
    guild["channels"], lengths = make_channels(guild["id"], rows)
    special = ["rules_channel_id", "public_updates_channel_id", "safety_alerts_channel_id"]
    return guild | ({key: None for key in special} if own else {}) | changes, lengths


# --- Messages -----------------------------------------------------------------------------------------------------

VIDEOS = ([("video/mp4", "mp4")] * 12 + [("video/webm", "webm")] * 4 + [("video/quicktime", "mov")] * 2
          + [("video/x-matroska", "mkv"), (None, "mp4"), (None, "MOV"), ("application/octet-stream", "webm")])
OTHERS = [("image/png", "png"), ("image/jpeg", "jpg"), ("image/gif", "gif"), ("text/plain; charset=utf-8", "txt"),
          ("application/zip", "zip"), ("audio/ogg", "ogg"), (None, "log")]
STEMS = ["clip", "ace", "replay", "mp4_settings", "boss_down", "screen-2024-05-01", "recording"]
SIZES = [(1920, 1080), (1280, 720), (2560, 1440), (1080, 1920)]
ATTACHED = {"video": [VIDEOS], "other": [OTHERS], "both": [OTHERS, VIDEOS], "videos": [VIDEOS, VIDEOS], "nothing": []}
URL_LIFE = 86_400  # Discord's signed URLs are valid for a day


def signature(at):
    """The parameters that make a URL valid: its end and its beginning in hexadecimal seconds, and a hash."""
    issued = int(EPOCH.timestamp()) + at // 1000
    return f"?ex={issued + URL_LIFE:x}&is={issued:x}&hm={RNG.getrandbits(256):064x}&"


def make_attachment(channel_id, at, choices):
    """A file of one of the types. URLs of the history are signed when the bot starts; those of live messages when they come."""
    content_type, ending = RNG.choice(choices)
    attachment_id, name = snowflake(at - 1), f"{RNG.choice(STEMS)}_{RNG.randrange(1000)}.{ending}"
    path = f"attachments/{channel_id}/{attachment_id}/{name}{signature(max(at, LIVE_START))}"
    attachment = {"id": attachment_id, "filename": name, "size": RNG.randrange(4_000, 9_900_000),
                  "url": f"https://cdn.discordapp.com/{path}", "proxy_url": f"https://media.discordapp.net/{path}"}
    attachment |= {"content_type": content_type} if content_type else {}
    if ending == "ogg":  # a voice message
        return attachment | {"duration_secs": RNG.randrange(10, 600) / 10, "waveform": "AAAAAAAAAAAA"}
    if choices is VIDEOS or (content_type or "").startswith("image/"):
        attachment["width"], attachment["height"] = RNG.choice(SIZES)
    return attachment


def make_attachments(channel_id, at):
    """Usually none; about 8 % of the messages have a video."""
    kind = RNG.choices(list(ATTACHED), weights=[60, 55, 12, 8, 865])[0]
    return [make_attachment(channel_id, at, choices) for choices in ATTACHED[kind]]


def make_message(channel, author, at):
    """A message; some are edited, some have reactions, some in announcement channels are crossposted."""
    crossposted = channel["type"] == ANNOUNCEMENT and RNG.random() < 0.3
    message = from_base("message_crossposted" if crossposted else "message", id=snowflake(at), channel_id=channel["id"],
                        author=author, timestamp=timestamp(at), attachments=make_attachments(channel["id"], at))
    if not crossposted:
        message["content"] = RNG.choice(["", "GG", "look!"] if message["attachments"] else layout.PHRASES)
    if RNG.random() < 0.97:
        del message["reactions"]
    if RNG.random() < 0.03:
        message["edited_timestamp"] = timestamp(at + RNG.randrange(2_000, 600_000))
    return message


def make_history(channel, length, authors):
    """`length` messages of a channel, oldest first; sets the channel's last message."""
    first, last = ms("2021-01-01"), LIVE_START - 60_000
    if channel["name"] == "archive-2019":
        first, last = ms("2019-01-01"), ms("2020-01-01")
    times = sorted(RNG.sample(range(first, last), length))
    messages = [make_message(channel, RNG.choice(authors), at) for at in times]
    if messages:
        channel["last_message_id"] = messages[-1]["id"]
    return messages


# --- The gateway's events -----------------------------------------------------------------------------------------

class Gateway:
    """The connection: the guilds and channels that the bot can see now, and every event sent so far."""

    def __init__(self, guilds, history, authors):
        self.events = []
        self.new_messages = []
        self.sequence = 0
        self.now = LIVE_START
        self.authors = authors
        self.guilds = {guild["name"]: guild for guild in guilds}
        self.channels = {guild["name"]: list(guild["channels"]) for guild in guilds}
        self.messages = {channel["id"]: [] for guild in guilds for channel in guild["channels"]}
        for message in history:
            self.messages[message["channel_id"]].append(message)

    def send(self, kind, data):
        """Append one dispatch event."""
        self.sequence += 1
        self.append({"op": 0, "s": self.sequence, "t": kind, "d": data})

    def append(self, event):
        """Append an event, and let time pass."""
        self.events.append(copy.deepcopy(event))
        self.now += RNG.randrange(200, 60_000)

    def begin_session(self):
        """Send READY and all guilds, whose channels have no `guild_id` here; the last guild is in an outage."""
        self.sequence = 0
        unavailable = [{"id": self.guilds[name]["id"], "unavailable": True} for name in self.channels]
        user = {"id": APPLICATION_ID, "username": "clip-saver", "discriminator": "0", "global_name": None, "avatar": None,
                "bot": True, "verified": True, "mfa_enabled": True, "email": None, "flags": 0}
        self.send("READY", {"v": 10, "user": user, "guilds": unavailable + [from_base("guild_unavailable")],
                            "session_id": f"{RNG.getrandbits(128):032x}", "shard": [0, 1],
                            "resume_gateway_url": "wss://gateway-us-east1-b.discord.gg",
                            "application": {"id": APPLICATION_ID, "flags": 565_248}})
        for name, channels in self.channels.items():
            channels = [{k: v for k, v in channel.items() if k != "guild_id"} for channel in channels]
            self.send("GUILD_CREATE", self.guilds[name] | {"channels": channels})
        self.send("GUILD_CREATE", from_base("guild_unavailable"))

    def new_message(self):
        """A message in a text channel that the bot can read, as the gateway sends it."""
        name = RNG.choice(list(self.channels))
        channel = RNG.choice([c for c in self.channels[name] if c["type"] == TEXT and c["name"] != layout.UNREADABLE])
        author = RNG.choice(self.authors)
        member = make_member(author, created_at(self.guilds[name]["id"]) + 86_400_000)
        del member["user"]
        message = make_message(channel, author, self.now)
        channel["last_message_id"] = message["id"]
        self.messages[channel["id"]].append(message)
        self.new_messages.append(message)
        return message, {"guild_id": channel["guild_id"], "channel_type": TEXT, "member": member}

    def chat(self):
        """Send one live message."""
        message, of_the_guild = self.new_message()
        self.send("MESSAGE_CREATE", message | of_the_guild)

    def happen(self, kind, *what):
        """Send one event of the story."""
        if kind == "RESUME":
            self.append({"op": 7, "s": None, "t": None, "d": None})
            self.send("RESUMED", {"_trace": ["[\"gateway-prd-us-east1-b-1\"]"]})
        elif kind == "RECONNECT":
            self.reconnect(*what)
        elif kind == "GUILD_DELETE":
            self.lose_guild(*what)
        elif kind == "CHANNEL_CREATE":
            self.create_channel(*what)
        elif kind in ("MESSAGE_DELETE", "MESSAGE_DELETE_BULK"):
            self.delete_messages(kind, *what)
        else:
            self.change_channel(kind, *what)

    def reconnect(self, missed):
        """End the session and begin a new one. The messages between them come by no event."""
        self.append({"op": 9, "s": None, "t": None, "d": False})
        for _ in range(missed):
            self.new_message()
            self.now += RNG.randrange(200, 60_000)
        self.begin_session()

    def lose_guild(self, guild_name, changes=None):
        """Remove the bot, or with `unavailable` begin an outage; the guild sends no more events."""
        del self.channels[guild_name]
        self.send("GUILD_DELETE", {"id": self.guilds[guild_name]["id"]} | (changes or {}))

    def create_channel(self, guild_name, row):
        """Create a channel at the end of the guild."""
        channels = self.channels[guild_name]
        channel, _ = make_channel(channels[0]["guild_id"], row, len(channels), None)
        channel["id"] = snowflake(self.now)
        channels.append(channel)
        self.messages[channel["id"]] = []
        self.send("CHANNEL_CREATE", channel)

    def change_channel(self, kind, guild_name, channel_name, changes=None):
        """Update or delete a channel."""
        channels = self.channels[guild_name]
        channel = self.channel(guild_name, channel_name)
        channel.update(changes or {})
        if kind == "CHANNEL_DELETE":
            channels.remove(channel)
        self.send(kind, channel)

    def delete_messages(self, kind, guild_name, channel_name, number):
        """Delete messages of any age; a single one has attachments."""
        channel = self.channel(guild_name, channel_name)
        messages = self.messages[channel["id"]]
        single = kind == "MESSAGE_DELETE"
        chosen = RNG.sample([m for m in messages if m["attachments"] or not single], number)
        for message in chosen:
            messages.remove(message)
        ids = sorted((message["id"] for message in chosen), key=int)
        which = {"id": ids[0]} if single else {"ids": ids}
        self.send(kind, which | {"channel_id": channel["id"], "guild_id": channel["guild_id"]})

    def channel(self, guild_name, channel_name):
        """A channel that the bot can see now."""
        return next(c for c in self.channels[guild_name] if c["name"] == channel_name)


# --- All of it ----------------------------------------------------------------------------------------------------

def write_lines(name, objects):
    """Write one compact JSON object on each line."""
    lines = [json.dumps(o, ensure_ascii=False, separators=(",", ":")) for o in objects]
    (HERE / name).write_text("".join(line + "\n" for line in lines), "utf-8", newline="\n")
    print(f"{name}: {len(lines)} lines")


def run_gateway(guilds, history, authors):
    """A gateway that has sent all its events: the guilds, then messages, with the story's events among them."""
    gateway = Gateway(guilds, history, authors)
    gateway.begin_session()
    for count in range(LIVE_MESSAGES):
        if count in layout.STORY:
            gateway.happen(*layout.STORY[count])
        gateway.chat()
    return gateway


def make_errors(guilds):
    """Each channel's answers, in order; the last one stays if it is a refusal for good (4xx, but not 429)."""
    server_error = {"status": 503, "body": {"message": "Service Unavailable", "code": 0}}
    answers = {
        layout.UNREADABLE: [{"status": 403, "body": {"message": "Missing Access", "code": 50001}}],
        layout.RATE_LIMITED: [{"status": 429, "body": {"message": "You are being rate limited.", "retry_after": 0.3,
                                                       "global": False}}],
        layout.BROKEN: [server_error],
    }
    return {c["id"]: answers[c["name"]] for guild in guilds for c in guild["channels"] if c["name"] in answers}


def main():
    """Make and write the three files. The history comes first, because the guilds hold each channel's last message."""
    authors = [make_user(name) for name in layout.NAMES]
    pairs = [make_guild(*row) for row in layout.GUILDS]
    history = [message for guild, lengths in pairs for channel in guild["channels"]
               for message in make_history(channel, lengths[channel["id"]], authors)]
    guilds = [guild for guild, _ in pairs]
    errors = make_errors(guilds)
    gateway = run_gateway(guilds, history, authors)
    write_lines("gateway.jsonl", gateway.events)
    write_lines("messages.jsonl", history + gateway.new_messages)
    write_lines("channel_errors.json", [errors])


if __name__ == "__main__":
    main()
